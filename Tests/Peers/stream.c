// SPDX-License-Identifier: Apache-2.0
/* The naive limit: two processes and the kernel between them, no broker.
 * variant pipe: pipe(2); uds: an AF_UNIX SOCK_STREAM pair. */
#define _GNU_SOURCE
#include "frame.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

static int fds[8][2];              /* per queue: reading, writing end */
static struct out out[8];
static struct in in[8];
static int pipes, next_q;

static void prepare(void) {
    pipes = !strcmp(cfg.variant, "pipe");
    for (int q = 0; q < cfg.nqueue; q++) {
        if (pipes) { CHECK(!pipe(fds[q])); CHECK(fcntl(fds[q][1], F_SETPIPE_SZ, MIB) > 0); }
        else CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds[q]));
    }
}
static void cleanup(void) {
    for (int q = 0; q < cfg.nqueue; q++) { close(fds[q][0]); close(fds[q][1]); }
}
static void open_(enum role role, int id) {
    (void)role; (void)id;
    for (int q = 0; q < cfg.nqueue; q++) { out[q] = out_new(fds[q][1]); in[q] = in_new(fds[q][0]); }
}
static void send_(int q, const void *m, size_t n) { out_frame(&out[q], m, n); }
static void flush(void) { for (int q = 0; q < cfg.nqueue; q++) out_flush(&out[q]); }

static size_t recv_(int q, void **m) {
    size_t n;
    while (q >= 0) {
        if ((*m = in_frame(&in[q], &n))) return n;
        CHECK(in_read(&in[q]) > 0);
    }
    for (;;) {                     /* X: one poll, then serve all that are ready */
        for (int i = 0; i < cfg.nqueue; i++) {
            int k = (next_q + i) % cfg.nqueue;
            if ((*m = in_frame(&in[k], &n))) { next_q = k + (cfg.depth == 1); return n; }
        }
        struct pollfd p[8];
        for (int i = 0; i < cfg.nqueue; i++) p[i] = (struct pollfd){in[i].fd, POLLIN, 0};
        CHECK(poll(p, cfg.nqueue, -1) > 0);
        for (int i = 0; i < cfg.nqueue; i++) if (p[i].revents) CHECK(in_read(&in[i]) > 0);
    }
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "stream", .prepare = prepare, .open = open_, .send = send_, .flush = flush,
                            .recv = recv_, .cleanup = cleanup};
    return bench_main(argc, argv, &p);
}
