// SPDX-License-Identifier: Apache-2.0
/* POSIX message queues: the kernel as the broker, bounded, message by message.
 * The system's limits are raised in an IPC namespace of our own; the user's limit
 * RLIMIT_MSGQUEUE (800 KiB by default) then allows 512 small messages per queue,
 * 10 of 64 KiB and none of 1 MiB. X: poll on 8 queues. */
#define _GNU_SOURCE
#include "bench.h"
#include <errno.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>

static mqd_t mq[8], nb[8];         /* nb: the same queue, not blocking, for X */
static char *buf;
static struct pollfd p[8];
static int at = 8;

static void raise_limit(const char *which, long v) {
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", which);
    FILE *f = fopen(path, "w");
    CHECK(f && fprintf(f, "%ld", v) > 0 && !fclose(f));
}
static void prepare(void) {
    static int done;
    if (!done++) {
        CHECK(!unshare(CLONE_NEWIPC));
        raise_limit("msg_max", 512);
        raise_limit("msgsize_max", 65536);
    }
    struct mq_attr a = {.mq_maxmsg = 640 * KIB / cfg.payload, .mq_msgsize = cfg.payload};
    if (a.mq_maxmsg > 512) a.mq_maxmsg = 512;
    for (int q = 0; q < cfg.nqueue; q++) {
        char name[64];
        snprintf(name, sizeof name, "/bench-%s-%d", cfg.tag, q);
        mq[q] = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a);
        CHECK(mq[q] >= 0);
        nb[q] = mq_open(name, O_RDONLY | O_NONBLOCK);
        CHECK(nb[q] >= 0);
        mq_unlink(name);
    }
}
static void cleanup(void) { for (int q = 0; q < cfg.nqueue; q++) { mq_close(mq[q]); mq_close(nb[q]); } }
static void open_(enum role role, int id) { (void)role; (void)id; buf = xalloc(cfg.payload); }
static void send_(int q, const void *m, size_t n) { CHECK(!mq_send(mq[q], m, n, 0)); }
static size_t recv_(int q, void **m) {
    ssize_t n;
    *m = buf;
    if (q >= 0) { CHECK((n = mq_receive(mq[q], buf, cfg.payload, 0)) > 0); return n; }
    for (;;) {                     /* one poll, then one message of each queue (depth >1: all it has) */
        for (; at < 8; at++) {
            if (!p[at].revents) continue;
            if ((n = mq_receive(nb[at], buf, cfg.payload, 0)) > 0) { at += cfg.depth == 1; return n; }
            CHECK(errno == EAGAIN);
        }
        for (int i = 0; i < 8; i++) p[i] = (struct pollfd){nb[i], POLLIN, 0};
        CHECK(poll(p, 8, -1) > 0);
        at = 0;
    }
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "mq", .prepare = prepare, .open = open_, .send = send_, .recv = recv_, .cleanup = cleanup};
    return bench_main(argc, argv, &p);
}
