/*
 * What "postern" asks of this machine's postern-cluster: files in a folder of the spool that only root and postern's
 * own user may write. The request is gone when it has been dealt with; what there is to say is in a file of the same
 * beginning then.
 */
#ifndef POSTERN_CLUSTER_REQUEST_H
#define POSTERN_CLUSTER_REQUEST_H

#define CLUSTER_REQUESTS "cluster" /* below the spool */

#define CLUSTER_REQUEST_LIST ".list" /* to change the lists that all relays share: core/mail/list_note.h */
#define CLUSTER_REQUEST_LOG ".log"   /* for all relays' decisions: core/report/log_question.h */
#define CLUSTER_REFUSAL ".refused"   /* why it was refused, as a sentence */
#define CLUSTER_REPLY ".reply"

#endif
