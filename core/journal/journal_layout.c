/* The version of what lies in the environment. What the first one wrote has no mark, but entries. */
#include "core/journal/journal_file.h"
#include "core/journal/journal_pack.h"

int journal_layout_check(struct journal_file *f, MDB_txn *txn, bool writer)
{
    uint64_t layout = JOURNAL_LAYOUT;
    MDB_val key = {sizeof TOTAL_LAYOUT, (void *)(uintptr_t)TOTAL_LAYOUT}, value = {sizeof layout, &layout};
    int code = mdb_get(txn, f->dbi[JOURNAL_TOTALS], &key, &value);
    MDB_stat stat;

    if (code == 0)
        return value.mv_size == sizeof layout && memcmp(value.mv_data, &layout, sizeof layout) == 0
                   ? 0
                   : MDB_VERSION_MISMATCH;
    for (int i = 0; i < JOURNAL_TABLES - f->lacks_refusals && code == MDB_NOTFOUND; i++)
        if (mdb_stat(txn, f->dbi[i], &stat) != 0 || stat.ms_entries > 0)
            return MDB_VERSION_MISMATCH;
    if (code != MDB_NOTFOUND || !writer)
        return code;
    return mdb_put(txn, f->dbi[JOURNAL_TOTALS], &key, &value, 0);
}
