// SPDX-License-Identifier: Apache-2.0
/* The harness that all peers share: it forks the roles, starts and stops them
 * together, counts and verifies every message, and adds up the CPU time of
 * all processes involved. */
#ifndef BENCH_H
#define BENCH_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum role { PING, PONG, PRODUCER, CONSUMER };

/* What is to be measured; set before the roles are forked. */
extern struct cfg {
    char workload;       /* L T S W F X M */
    size_t payload;      /* bytes per message */
    int depth;           /* 1: message by message; 0: one send per message, receive as much
                            as there is; more: gather so many messages into one request */
    int nprod, ncons, nqueue;
    const char *addr;    /* where the server listens */
    const char *variant; /* of the peer, "" if it has none */
    char tag[32];        /* unique for each repetition: part of the queues' names */
} cfg;

struct peer {
    const char *name;
    int window;          /* no backpressure of its own: the harness bounds what is under way */
    int unordered;       /* the order of one producer's messages is not promised */
    void (*prepare)(void);                       /* in the parent, before the fork */
    void (*open)(enum role role, int id);        /* in the role's process */
    void (*send)(int q, const void *msg, size_t n); /* may keep it for a batch; blocks when full */
    void (*flush)(void);                         /* optional: send what was kept */
    size_t (*recv)(int q, void **msg);           /* q < 0: from any queue; valid until the next call */
    void (*ack)(void);                           /* W: the message last received is done */
    void (*cleanup)(void);                       /* optional, in the parent, after the roles ended */
    void *(*connect)(void);                      /* M: an idle connection */
    void (*fill)(int from, int to, const void *msg, size_t n); /* M: one message into each queue */
};

int bench_main(int argc, char **argv, struct peer *p);
void count_cpu_of(pid_t pid);                    /* a helper process that prepare() forked */
void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
uint64_t now_ns(void);
void *xalloc(size_t n);
int stopping(void);

#define CHECK(x) ((x) ? (void)0 : fail("%s:%d: %s", __FILE__, __LINE__, #x))
#define KIB 1024
#define MIB (1024 * 1024)
#endif
