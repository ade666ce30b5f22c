/* The stages of an SMTP dialogue, as Postfix and libmilter both have them. */
#ifndef POSTERN_STAGE_H
#define POSTERN_STAGE_H

/* How far the SMTP dialogue is. */
enum stage {
    STAGE_CONNECT, /* CONNECT, EHLO, HELO, VRFY, ETRN: nothing to decide yet */
    STAGE_AUTH,    /* the SASL server has found the password right; only a front end before it is asked here */
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA, /* all recipients are known */
    STAGE_END   /* the whole message is known */
};

/* "rcpt": as in log lines. */
const char *stage_name(enum stage stage);

#endif
