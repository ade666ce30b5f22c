#include "mirror/read/recipient_kind.h"

static const struct recipient_kind kinds[] = {
    {"UserMailbox", "1", RECIPIENT_USER, false, false},
    {"LinkedMailbox", "2", RECIPIENT_USER, false, false},
    {"SharedMailbox", "4", RECIPIENT_SHARED, false, false},
    {"LegacyMailbox", "8", RECIPIENT_USER, false, false},
    {"RoomMailbox", "16", RECIPIENT_ROOM, false, false},
    {"EquipmentMailbox", "32", RECIPIENT_EQUIPMENT, false, false},
    {"MailUser", "128", RECIPIENT_MAIL_USER, false, false},
    {"LinkedRoomMailbox", "2199023255552", RECIPIENT_ROOM, false, false},
    {"SchedulingMailbox", NULL, RECIPIENT_SYSTEM, false, false},
    {"DiscoveryMailbox", "536870912", RECIPIENT_SYSTEM, false, false},
    {"ArbitrationMailbox", "8388608", RECIPIENT_SYSTEM, false, false},
    {"MonitoringMailbox", "549755813888", RECIPIENT_SYSTEM, false, false},
    {"AuditLogMailbox", "4398046511104", RECIPIENT_SYSTEM, false, false},
    {"AuxAuditLogMailbox", NULL, RECIPIENT_SYSTEM, false, false},
    {"SupervisoryReviewPolicyMailbox", NULL, RECIPIENT_SYSTEM, false, false},
    {"TeamMailbox", "137438953472", RECIPIENT_SYSTEM, false, false},
    {"GroupMailbox", NULL, RECIPIENT_GROUP, false, false},
    {"RemoteUserMailbox", "2147483648", RECIPIENT_MAIL_USER, false, true},
    {"RemoteSharedMailbox", "34359738368", RECIPIENT_SHARED, false, true},
    {"RemoteRoomMailbox", "8589934592", RECIPIENT_ROOM, false, true},
    {"RemoteEquipmentMailbox", "17179869184", RECIPIENT_EQUIPMENT, false, true},
    {"RemoteTeamMailbox", "274877906944", RECIPIENT_SYSTEM, false, true},
    {"MailContact", "64", RECIPIENT_OTHER, true, false},
    {"MailUniversalDistributionGroup", "256", RECIPIENT_GROUP, true, false},
    {"MailNonUniversalGroup", "512", RECIPIENT_GROUP, true, false},
    {"MailUniversalSecurityGroup", "1024", RECIPIENT_GROUP, true, false},
    {"DynamicDistributionGroup", "2048", RECIPIENT_GROUP, true, false},
    {"PublicFolder", "4096", RECIPIENT_OTHER, true, false},
    {"MailForestContact", "32768", RECIPIENT_OTHER, true, false},
    {"RoomList", "268435456", RECIPIENT_GROUP, true, false},
    {"GuestMailUser", NULL, RECIPIENT_OTHER, true, false},
    {"RemoteGroupMailbox", "8796093022208", RECIPIENT_GROUP, true, true},
    {"SharedWithMailUser", NULL, RECIPIENT_OTHER, true, false},
};

const struct recipient_kind *recipient_kind_named(struct slice text)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (slice_ieq(text, slice_of(kinds[i].name)) ||
            (kinds[i].number != NULL && slice_eq(text, slice_of(kinds[i].number))))
            return &kinds[i];
    return NULL;
}
