/*
 * What is said on one connection of Postfix's and on the connection to Dovecot that belongs to it: each line goes to
 * the other side as it is, unless postern refuses (but see NO_PENALTY). Ids pass unchanged, since the two connections
 * are one.
 *
 * Never says OK by itself, and passes an OK only for a dialogue that Dovecot was asked about and that the engine
 * passed. When something is wrong, the connection is closed: Postfix then tells its client 454, so that nobody is let
 * in, and nobody is told that a password was wrong.
 *
 * Works on lines alone: no sockets, no clock.
 */
#ifndef POSTERN_SASL_SESSION_H
#define POSTERN_SASL_SESSION_H

#include "core/engine/engine_auth.h"
#include "core/serve/listener.h"
#include "sasl/line.h"

#include <sys/queue.h>

/* Requests at a time on one connection. Postfix has one, and those that its clients broke off. */
#define DIALOGUES_MAX 32
/* How long Dovecot may take to send its handshake, and to answer; how long its dialogue may wait for the client, which
 * Dovecot itself forgets after 150 s. */
#define HANDSHAKE_S 10
#define ANSWER_S 18
#define DIALOGUE_S 200
/*
 * How long a line waits for room in the limits on failures, when there are many attempts at the same time: the honest
 * ones of an office that signs in at once are over in no time.
 */
#define ROOM_S 3

/* Why both connections end; the texts are in session.c. */
enum session_end {
    SESSION_GOES_ON,
    SESSION_WAITS, /* the line was not taken: it is to come again soon, and none before it */
    END_WAIT,      /* too many attempts at the same time: the engine has said so */
    END_TEMPORARY, /* Dovecot could not tell */
    END_NO_ANSWER,
    END_NO_HANDSHAKE,
    END_TOO_LONG, /* a line */
    END_NUL,
    END_BAD_ID,
    END_BAD_VERSION,
    END_BAD_MECHANISM,
    END_BAD_USER,
    END_USED_ID,     /* AUTH for an id that is open */
    END_UNASKED,     /* CONT while Dovecot is asked */
    END_TOO_MANY,    /* dialogues */
    END_UNKNOWN_ID,  /* from Dovecot */
    END_OUT_OF_TURN, /* the same, while it is the client's turn */
    END_NO_USER,     /* OK without a name */
    END_STUCK,       /* half a line, or bytes that are not taken */
    END_UPSTREAM,    /* no connection to Dovecot */
    END_GONE,        /* Dovecot has closed its connection */
    END_CLIENT,      /* Postfix has */
    END_STOP,        /* the program ends */
    END_MEMORY,
    END_KINDS
};

/* For the log; NULL for those that need no line. */
const char *session_end_text(enum session_end end);

enum turn {
    TURN_DOVECOT, /* it is asked */
    TURN_CLIENT,
    TURN_NOBODY /* cancelled: what Dovecot may still say of it counts, and is dropped */
};

/* From AUTH to the answer. */
struct dialogue {
    TAILQ_ENTRY(dialogue) links;
    uint32_t id;
    enum turn turn;
    uint64_t since_s; /* of this turn */
    bool held;        /* the ticket, also when it is another's turn */
    char mechanism[MECHANISM_MAX + 1];
    bool has_client, secured;
    struct ip client;
    struct auth_ticket ticket;
};

TAILQ_HEAD(dialogue_list, dialogue);

struct session {
    const struct listener *listener;
    struct dialogue_list dialogues; /* oldest first */
    unsigned n_dialogues, n_asked;  /* n_asked: with TURN_DOVECOT */
    uint64_t waits_s;               /* for room since; 0: no line waits */
    bool greeted;                   /* Dovecot's handshake is complete */
    uint64_t begun_s;
};

/* What is shared by all sessions of a thread: what the engine decides with, and memory for answers. */
struct desk {
    struct engine_session *engine;
    char login[LINE_USER_MAX];
    char answer[LINE_USER_MAX + AUTH_TEXT_MAX + 64];
    char cancel[32];
};

/* Bytes to send: parts of the line, or in the desk's memory. Valid until the desk's next use. */
struct session_out {
    struct slice to_client, to_dovecot;
    size_t no_penalty_at; /* so many bytes of to_dovecot, then NO_PENALTY, then the others; 0: those bytes alone */
};

/*
 * Dovecot delays all logins of an address from which one failed, for up to 15 s (its auth-penalty.c). A device with an
 * old password would slow its whole office; where limits on failures hold, they take the place of that.
 */
#define NO_PENALTY SLICE("\tno-penalty")

void session_start(struct session *s, const struct listener *listener, uint64_t now_s);

/*
 * A line of either side, with its LF; now_s: boot time. Nothing is to be sent when the session ends: the caller closes
 * both connections and calls session_finish.
 */
enum session_end session_from_client(struct session *s, struct desk *desk, struct slice line, uint64_t now_s,
                                     struct session_out *out);
enum session_end session_from_dovecot(struct session *s, struct desk *desk, struct slice line, uint64_t now_s,
                                      struct session_out *out);

/* How long a line of Postfix's may be, by its beginning of at least LINE_MAX_SHORT bytes. */
size_t session_line_max(const struct session *s, struct slice beginning);

/* Is something unfinished, so that session_look must be called every second? */
bool session_is_busy(const struct session *s);
/* Has somebody taken too long? Forgets dialogues that no client goes on with. */
enum session_end session_look(struct session *s, uint64_t now_s);

/* Whose doing the end is. */
enum session_fault { FAULT_CLIENT, FAULT_DOVECOT, FAULT_OURS };

/*
 * The connections are closed. What Dovecot was asked and has not answered stays counted where the client is the reason:
 * whoever could end an attempt before its refusal, which Dovecot delays, would guess for nothing.
 */
void session_finish(struct session *s, struct desk *desk, enum session_fault fault);

#endif
