// SPDX-License-Identifier: Apache-2.0
/* beanstalkd over a unix socket, its text protocol spoken directly.
 * Consuming a job always means reserve and delete, so T is W.
 * depth 1:  put and its reply, then the next; the consumer sends delete and the next
 *           reserve in one write
 * depth >1: so many puts under way; the consumer keeps so many reserves under way and
 *           sends deletes and further reserves together
 *           (not more than 32 and 128 KiB: with longer pipelines beanstalkd 1.12 at times
 *           sleeps in epoll_wait beside unread requests until some other event wakes it)
 * X: one connection that watches 8 tubes. Tubes have no bound: the harness keeps the window. */
#include "frame.h"
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static int fd;
static char *obuf, *ibuf;
static size_t on, ocap, ia, ie, icap;
static int owed, started, batch;
static char last_id[32];

static void flush_out(void) { write_all(fd, obuf, on); on = 0; }
static void put(const void *p, size_t n) {
    if (on + n > ocap) flush_out();
    memcpy(obuf + on, p, n); on += n;
}
static void puts_(const char *s) { put(s, strlen(s)); }
static void more(void) {
    if (ia) { memmove(ibuf, ibuf + ia, ie - ia); ie -= ia; ia = 0; }
    flush_out();
    CHECK(ie < icap);
    ssize_t k = read(fd, ibuf + ie, icap - ie);
    CHECK(k > 0);
    ie += k;
}
static char *line(void) {                      /* up to CR LF, which is cut off */
    size_t seen = 0;
    char *nl;
    while (!(nl = memchr(ibuf + ia + seen, '\n', ie - ia - seen))) { seen = ie - ia; more(); }
    char *l = ibuf + ia;
    nl[-1] = 0;
    ia = nl + 1 - ibuf;
    return l;
}
static int dial(void) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", cfg.addr);
    return connect(s, (void *)&a, sizeof a) ? -1 : s;
}
static void buffers(void) {
    ocap = icap = 4 * (cfg.payload + 200) + 256 * KIB;
    obuf = xalloc(ocap); ibuf = xalloc(icap);
    batch = cfg.depth;
    while (batch > 1 && batch * cfg.payload > 128 * KIB) batch--;
}
static void expect(const char *what) { char *l = line(); if (strncmp(l, what, strlen(what))) fail("beanstalkd: %s instead of %s", l, what); }
static void use(int q) {
    char s[80];
    snprintf(s, sizeof s, "use t%s-%d\r\n", cfg.tag, q); puts_(s); expect("USING");
}
static void open_(enum role role, int id) {
    char s[80];
    CHECK((fd = dial()) >= 0);
    buffers();
    use(role == PONG ? 1 : cfg.workload == 'X' ? id : 0);
    if (role == PRODUCER) return;
    for (int q = 0; q < cfg.nqueue; q++) {
        if (role == PING ? q == 0 : role == PONG && q == 1) continue;
        snprintf(s, sizeof s, "watch t%s-%d\r\n", cfg.tag, q); puts_(s); expect("WATCHING");
    }
    puts_("ignore default\r\n"); expect("WATCHING");
}
static void settle(int most) { while (owed > most) { expect("INSERTED"); owed--; } }
static void send_(int q, const void *m, size_t n) {
    char s[80];
    (void)q;
    snprintf(s, sizeof s, "put 0 0 100 %zu\r\n", n);
    puts_(s); put(m, n); puts_("\r\n");
    if (cfg.workload == 'L') return;           /* goes out with the next reserve */
    owed++;
    if (batch == 1) settle(0);
    else if (owed >= 2 * batch) settle(batch);
}
static void flush(void) { flush_out(); settle(0); }
static size_t recv_(int q, void **m) {
    unsigned long id, n;
    (void)q;
    if (cfg.workload == 'L') puts_("reserve\r\n");
    else if (!started) { for (int i = 0; i < batch; i++) puts_("reserve\r\n"); started = 1; }
    for (;;) {
        char *l = line();
        if (sscanf(l, "RESERVED %lu %lu", &id, &n) == 2) break;
        if (strcmp(l, "DELETED") && strncmp(l, "INSERTED", 8)) fail("beanstalkd: %s", l);
    }
    while (ie - ia < n + 2) more();
    *m = ibuf + ia;
    ia += n + 2;
    snprintf(last_id, sizeof last_id, "%lu", id);
    return n;
}
static void ack(void) { puts_("delete "); puts_(last_id); puts_(cfg.workload == 'L' ? "\r\n" : "\r\nreserve\r\n"); }

static void *connect_(void) { return dial() >= 0 ? "" : 0; }
static void fill(int from, int to, const void *m, size_t n) {
    CHECK((fd = dial()) >= 0);
    buffers();
    snprintf(cfg.tag, sizeof cfg.tag, "many");
    cfg.depth = batch = 1;
    for (int i = from; i < to; i++) { use(i); send_(i, m, n); }
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "beanstalkd", .window = 1, .open = open_, .send = send_, .flush = flush,
                            .recv = recv_, .ack = ack, .connect = connect_, .fill = fill};
    return bench_main(argc, argv, &p);
}
