// SPDX-License-Identifier: Apache-2.0
/* The limit of any brokered design: a third, minimal process between producers
 * and consumers, one thread, epoll, AF_UNIX SOCK_STREAM. It parses the frames,
 * passes on whole ones, and stops reading while a consumer's socket is full.
 *
 * depth 1:  each process reads and writes one message at a time
 * depth 0:  clients write one message at a time, relay and consumer read up to 256 KiB
 * depth >1: clients gather up to 64 KiB as well
 * S: the relay confirms each message; variant rendezvous: only once it went to a
 * consumer that had asked for one (capacity 0).
 * variant spin: the relay looks for events up to 50 us before it sleeps. */
#define _GNU_SOURCE
#include "frame.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define MAXCONN 16
static int nconn, client_end[MAXCONN], relay_end[MAXCONN];
static int rendezvous, spin;

/* ---- the relay ---- */
struct conn {
    struct in in;                  /* from a producer */
    char *pending;                 /* to a consumer: what its socket did not take */
    size_t at, n, cap;
    int reading, writing;          /* what epoll is asked for */
} conns[MAXCONN];
static int ep;

static int wait_for(struct epoll_event *e, int most) {
    int n = 0;
    if (spin) for (uint64_t since = now_ns(); !n && now_ns() - since < 50000;) n = epoll_wait(ep, e, most, 0);
    return n ? n : epoll_wait(ep, e, most, -1);
}
static int is_producer(int c) { return cfg.workload == 'L' || c < cfg.nprod; }
static int first_consumer(int c) { return cfg.workload == 'L' ? !c : cfg.nprod; }
static int consumers(void) { return cfg.workload == 'L' ? 1 : cfg.ncons; }

static void watch(int c) {
    struct epoll_event e = {(conns[c].reading ? EPOLLIN : 0) | (conns[c].writing ? EPOLLOUT : 0), {.u32 = c}};
    CHECK(!epoll_ctl(ep, EPOLL_CTL_MOD, relay_end[c], &e));
}
/* Backpressure: producers are read only while no consumer has a backlog. */
static void readers(int on) {
    for (int c = 0; c < nconn; c++)
        if (is_producer(c) && conns[c].reading != on) { conns[c].reading = on; watch(c); }
}
static int backlog(void) {
    for (int c = 0; c < nconn; c++) if (conns[c].n) return 1;
    return 0;
}
static void deliver(int c, const char *p, size_t n) {
    struct conn *k = &conns[c];
    if (!k->n) {
        ssize_t w = write(relay_end[c], p, n);
        if (w < 0) { CHECK(errno == EAGAIN); w = 0; }
        p += w; n -= w;
        if (!n) return;
        k->at = 0;
    }
    if (k->at + k->n + n > k->cap) { memmove(k->pending, k->pending + k->at, k->n); k->at = 0; }
    CHECK(k->at + k->n + n <= k->cap);
    memcpy(k->pending + k->at + k->n, p, n);
    k->n += n;
    if (!k->writing) { k->writing = 1; watch(c); }
}
static void from_producer(int c) {
    static int turn;
    static char *share[MAXCONN];
    static size_t shared[MAXCONN];
    struct in *in = &conns[c].in;
    ssize_t got = in_read(in);
    if (got < 0 && errno == EAGAIN) return;
    CHECK(got > 0);
    size_t whole = in_whole(in);
    if (!whole) return;
    char *p = in->buf + in->at;
    in->at += whole;
    if (cfg.workload == 'S') {     /* confirm first: the message is ours now */
        uint64_t ok = whole / frame_size();
        CHECK(write(relay_end[c], &ok, 8) == 8);
    }
    if (consumers() == 1) { deliver(first_consumer(c), p, whole); }
    else {                         /* frame by frame, in turn */
        for (size_t at = 0; at < whole; at += frame_size()) {
            int k = turn = (turn + 1) % consumers();
            if (!share[k]) share[k] = xalloc(2 * READ_MAX + frame_size());
            memcpy(share[k] + shared[k], p + at, frame_size());
            shared[k] += frame_size();
        }
        for (int k = 0; k < consumers(); k++)
            if (shared[k]) { deliver(first_consumer(c) + k, share[k], shared[k]); shared[k] = 0; }
    }
    if (backlog()) readers(0);
}
static void relay(void) {
    ep = epoll_create1(0);
    for (int c = 0; c < nconn; c++) {
        conns[c].in = in_new(relay_end[c]);
        conns[c].cap = 4 * MIB + 16 * frame_size();
        conns[c].pending = xalloc(conns[c].cap);
        conns[c].reading = is_producer(c);
        fcntl(relay_end[c], F_SETFL, O_NONBLOCK);
        struct epoll_event e = {conns[c].reading ? EPOLLIN : 0, {.u32 = c}};
        CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, relay_end[c], &e));
    }
    for (;;) {
        struct epoll_event e[MAXCONN];
        int n = wait_for(e, MAXCONN);
        for (int i = 0; i < n; i++) {
            int c = e[i].data.u32;
            struct conn *k = &conns[c];
            if (e[i].events & EPOLLOUT && k->n) {
                ssize_t w = write(relay_end[c], k->pending + k->at, k->n);
                if (w < 0) { CHECK(errno == EAGAIN); w = 0; }
                k->at += w; k->n -= w;
                if (!k->n) { k->writing = 0; watch(c); if (!backlog()) readers(1); }
            }
            if (e[i].events & EPOLLIN && k->reading) from_producer(c);
        }
    }
}
/* Capacity 0: one message and one request meet, then both sides hear of it. */
static void relay_rendezvous(void) {
    int prod = relay_end[0], cons = relay_end[1], asked = 0;
    struct in in = in_new(prod);
    uint64_t word = 1;
    size_t held = 0;
    ep = epoll_create1(0);
    for (int c = 0; c < 2; c++) {
        struct epoll_event e = {EPOLLIN, {.u32 = c}};
        CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, relay_end[c], &e));
    }
    for (;;) {
        struct epoll_event e[2];
        int n = wait_for(e, 2);
        for (int i = 0; i < n; i++) {
            if (e[i].data.u32 == 0) { CHECK(in_read(&in) > 0); held = in_whole(&in); }
            else { CHECK(read(cons, &word, 8) == 8); asked = 1; }
        }
        if (asked && held) {
            write_all(cons, in.buf + in.at, held);
            write_all(prod, (char *)&word, 8);
            in.at += held; held = asked = 0;
        }
    }
}

/* ---- the clients ---- */
static struct out out;
static struct in in;

static void prepare(void) {
    rendezvous = !strcmp(cfg.variant, "rendezvous");
    spin = !strcmp(cfg.variant, "spin");
    nconn = cfg.workload == 'L' ? 2 : cfg.nprod + cfg.ncons;
    for (int c = 0; c < nconn; c++) {
        int s[2];
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
        client_end[c] = s[0]; relay_end[c] = s[1];
    }
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int c = 0; c < nconn; c++) close(client_end[c]);
        if (rendezvous) relay_rendezvous(); else relay();
    }
    count_cpu_of(pid);
    for (int c = 0; c < nconn; c++) close(relay_end[c]);
}
static void cleanup(void) { for (int c = 0; c < nconn; c++) close(client_end[c]); }
static void open_(enum role role, int id) {
    int c = role == PING || role == PRODUCER ? id : role == PONG ? 1 : cfg.nprod + id;
    out = out_new(client_end[c]);
    in = in_new(client_end[c]);
}
static void send_(int q, const void *m, size_t n) {
    uint64_t ok;
    (void)q;
    out_frame(&out, m, n);
    if (cfg.workload == 'S') CHECK(read(out.fd, &ok, 8) == 8);
}
static void flush(void) { out_flush(&out); }
static size_t recv_(int q, void **m) {
    size_t n;
    uint64_t word = 1;
    (void)q;
    if (rendezvous) write_all(in.fd, (char *)&word, 8);
    while (!(*m = in_frame(&in, &n))) CHECK(in_read(&in) > 0);
    return n;
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "relay", .prepare = prepare, .open = open_, .send = send_, .flush = flush,
                            .recv = recv_, .cleanup = cleanup};
    return bench_main(argc, argv, &p);
}
