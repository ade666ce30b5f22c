/* What the configuration says about a tenant of the directory. */
#ifndef POSTERN_CORE_CONFIG_TENANT_ROW_H
#define POSTERN_CORE_CONFIG_TENANT_ROW_H

#include "core/config/config.h"

/*
 * The row of that tenant in "tenants". A configuration without that list takes all tenants of the directory, with the
 * defaults: then *mem becomes such a row, which refers to name. NULL: there is a list, and the tenant is not in it.
 */
const struct tenant_config *tenant_row(const struct config *config, const char *name, struct tenant_config *mem);

#endif
