/*
 * How a relay becomes a member of the cluster. Both are for people, and say on standard output what they did. They
 * return the status to exit with.
 */
#ifndef POSTERN_CLUSTER_MEMBERSHIP_H
#define POSTERN_CLUSTER_MEMBERSHIP_H

/* On the first relay: makes the key around the secret of its state, which so loses nothing. */
int membership_init(const char *config_path);

/*
 * On each other relay, which has a copy of the key: gives its state the cluster's secret. Blocks are kept, counters
 * begin anew. Running services follow within a second.
 */
int membership_join(const char *config_path);

#endif
