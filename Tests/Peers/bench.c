// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "bench.h"
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAXROLES 16
#define MAXREPS 9
#define SUB 32                     /* histogram: 32 steps per power of two, 3 % wide */
#define BUCKETS (64 * SUB)

struct cfg cfg;
static struct peer *peer;

struct slot {                      /* one role's counters, on cache lines of its own */
    _Alignas(128) _Atomic uint64_t n;
    _Atomic uint64_t sum;          /* of a hash of every message: finds losses and duplicates */
    _Atomic int done;
};

static struct shared {             /* between the parent and all roles */
    _Alignas(128) _Atomic int ready, go, measuring, stop, failed;
    char why[300];
    struct slot sent[MAXROLES], got[MAXROLES];
    uint64_t hist[BUCKETS], max_ns;
} *sh;

static pid_t parent, roles[2 * MAXROLES], others[16];
static int nroles, nothers, nservers, one_cpu, split;

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void nap_us(long us) {
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&t, 0);
}
void *xalloc(size_t n) {
    void *p = aligned_alloc(4096, (n + 4095) / 4096 * 4096);
    CHECK(p);
    memset(p, 0, n);
    return p;
}
int stopping(void) { return atomic_load_explicit(&sh->stop, memory_order_relaxed); }

static void kill_roles(void) {
    for (int i = 0; i < nroles; i++) kill(roles[i], SIGKILL);
    for (int i = 0; i < nroles; i++) waitpid(roles[i], 0, 0);
    for (int i = nservers; i < nothers; i++) { kill(others[i], SIGKILL); waitpid(others[i], 0, 0); }
    nroles = 0; nothers = nservers;
}
void fail(const char *fmt, ...) {
    char why[300];
    va_list ap;
    int e = errno;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (getpid() != parent && sh) {
        if (!atomic_exchange(&sh->failed, 1))
            snprintf(sh->why, sizeof sh->why, "%.200s (errno: %s)", why, strerror(e));
        for (;;) pause();
    }
    kill_roles();
    fprintf(stderr, "FAILED %s %s %c payload %zu depth %d: %s\n", peer ? peer->name : "", cfg.variant,
            cfg.workload, cfg.payload, cfg.depth, why);
    exit(1);
}
void count_cpu_of(pid_t pid) { CHECK(nothers < 16); others[nothers++] = pid; }

/* ---- messages: header, pattern, tail; nothing else passes the check ---- */
struct header { uint64_t seq; uint32_t prod, len; };
#define MIX(x) ((uint64_t)(x) * 0x9E3779B97F4A7C15ull)
static uint64_t tail_of(uint64_t seq, uint32_t prod) { return MIX(seq + 1) ^ MIX(prod + 77) >> 7; }

static void *new_message(void) {
    uint64_t *m = xalloc(cfg.payload);
    for (size_t i = 0; i < cfg.payload / 8; i++) m[i] = MIX(i);
    return m;
}
static void stamp(void *m, uint32_t prod, uint64_t seq) {
    struct header h = {seq, prod, cfg.payload};
    uint64_t t = tail_of(seq, prod);
    memcpy(m, &h, sizeof h);
    memcpy((char *)m + cfg.payload - 8, &t, 8);
}
static struct header check(const void *m, size_t n) {
    struct header h;
    uint64_t t, w;
    if (n != cfg.payload) fail("message of %zu bytes instead of %zu", n, cfg.payload);
    memcpy(&h, m, sizeof h);
    memcpy(&t, (char *)m + n - 8, 8);
    if (h.len != n || h.prod >= MAXROLES || t != tail_of(h.seq, h.prod)) fail("content is wrong");
    for (size_t i = 2 + h.seq % 4; i < n / 8 - 1; i += 8) {   /* a word of every cache line */
        memcpy(&w, (char *)m + 8 * i, 8);
        if (w != MIX(i)) fail("content is wrong");
    }
    return h;
}

/* ---- the roles ---- */
static void record(uint64_t ns) {
    int lg = 63 - __builtin_clzll(ns | 1);
    int i = lg < 5 ? (int)ns : (lg - 4) * SUB + (int)(ns >> (lg - 5)) - SUB;
    sh->hist[i]++;
    if (ns > sh->max_ns) sh->max_ns = ns;
}
static double bucket_ns(int i) {
    if (i < SUB) return i;
    int lg = i / SUB + 4;
    return ((uint64_t)(SUB + i % SUB) << (lg - 5)) + (1ull << (lg - 5)) / 2.0;
}
static void bump(struct slot *s, uint64_t hash) {
    atomic_store_explicit(&s->sum, atomic_load_explicit(&s->sum, memory_order_relaxed) + hash, memory_order_relaxed);
    atomic_store_explicit(&s->n, atomic_load_explicit(&s->n, memory_order_relaxed) + 1, memory_order_release);
}
static uint64_t total(struct slot *s) {
    uint64_t n = 0;
    for (int i = 0; i < MAXROLES; i++) n += atomic_load_explicit(&s[i].n, memory_order_acquire);
    return n;
}

static void ping(void) {
    void *m = new_message(), *r;
    for (uint64_t seq = 0; !stopping(); seq++) {
        stamp(m, 0, seq);
        uint64_t t = now_ns();
        peer->send(0, m, cfg.payload);
        bump(&sh->sent[0], tail_of(seq, 0));
        size_t n = peer->recv(1, &r);
        t = now_ns() - t;
        if (check(r, n).seq != seq) fail("round trip out of order");
        if (peer->ack) peer->ack();
        if (atomic_load_explicit(&sh->measuring, memory_order_relaxed)) record(t);
        bump(&sh->got[0], tail_of(seq, 0));
    }
}
static void pong(void) {
    void *m = new_message(), *r;
    for (;;) {
        size_t n = peer->recv(0, &r);
        check(r, n);
        memcpy(m, r, n);
        if (peer->ack) peer->ack();
        peer->send(1, m, n);
    }
}
static void producer(int id) {
    void *m = new_message();
    uint64_t allowed = 0, limit = 16 * MIB / cfg.payload;   /* messages under way, if the peer sets no bound */
    if (limit > 4096) limit = 4096;
    for (uint64_t seq = 0; !stopping(); seq++) {
        while (peer->window && seq >= allowed) {
            uint64_t room = limit - (total(sh->sent) - total(sh->got));
            if ((int64_t)room >= (int64_t)limit / 2) { allowed = seq + (room + cfg.nprod - 1) / cfg.nprod; break; }
            if (peer->flush) peer->flush();
            if (stopping()) return;
            nap_us(50);
        }
        stamp(m, id, seq);
        peer->send(cfg.nqueue == cfg.nprod ? id : 0, m, cfg.payload);
        bump(&sh->sent[id], tail_of(seq, id));
    }
}
static void consumer(int id) {
    uint64_t next[MAXROLES] = {0};
    void *m;
    for (;;) {
        size_t n = peer->recv(cfg.nqueue > 1 ? -1 : 0, &m);
        struct header h = check(m, n);
        if (!peer->unordered && (cfg.ncons == 1 ? h.seq != next[h.prod] : h.seq < next[h.prod]))
            fail("order: producer %u, message %lu instead of %lu", h.prod, h.seq, next[h.prod]);
        next[h.prod] = h.seq + 1;
        if (peer->ack) peer->ack();
        bump(&sh->got[id], tail_of(h.seq, h.prod));
    }
}
static void spawn(enum role role, int id) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid) { roles[nroles++] = pid; return; }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    peer->open(role, id);
    atomic_fetch_add(&sh->ready, 1);
    while (!atomic_load(&sh->go)) nap_us(200);
    switch (role) {
    case PING: ping(); break;
    case PONG: pong(); break;
    case PRODUCER: producer(id); break;
    case CONSUMER: consumer(id); break;
    }
    if (peer->flush) peer->flush();
    atomic_store(&sh->sent[id].done, 1);
    for (;;) pause();              /* the parent ends it when all has arrived */
}

/* ---- one repetition ---- */
static double cpu_of(pid_t pid) {
    clockid_t c;
    struct timespec t;
    if (clock_getcpuclockid(pid, &c) || clock_gettime(c, &t)) fail("process %d is gone", pid);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}
static double cpu_all(void) {
    double us = 0;
    for (int i = 0; i < nroles; i++) us += cpu_of(roles[i]);
    for (int i = 0; i < nothers; i++) us += cpu_of(others[i]);
    return us;
}
static double machine_busy_us(void) {          /* what all processes of the machine used, and the host took */
    unsigned long v[8] = {0};
    FILE *f = fopen("/proc/stat", "r");
    CHECK(f && fscanf(f, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", v, v+1, v+2, v+3, v+4, v+5, v+6, v+7) == 8);
    fclose(f);
    return (v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) * 1e6 / sysconf(_SC_CLK_TCK);
}
/* All threads of a server or helper. */
static void pin(pid_t pid, cpu_set_t *set) {
    struct dirent *e;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    CHECK(d);
    while ((e = readdir(d))) if (atoi(e->d_name)) sched_setaffinity(atoi(e->d_name), sizeof *set, set);
    closedir(d);
}
/* -1: the clients and all threads of the servers on one CPU; -2: the servers on the first, the clients
 * on the second; otherwise wherever the kernel likes. */
static void place(void) {
    cpu_set_t set, first;
    CPU_ZERO(&set);
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    for (int c = split ? 1 : 0; c < (one_cpu ? 1 : split ? 2 : sysconf(_SC_NPROCESSORS_ONLN)); c++) CPU_SET(c, &set);
    CHECK(!sched_setaffinity(0, sizeof set, &set));
    for (int i = 0; i < nservers; i++) pin(others[i], split ? &first : &set);
}
static void place_helpers(void) {              /* that prepare() forked; they have the clients' place */
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    for (int i = nservers; split && i < nothers; i++) pin(others[i], &first);
}
static void supervise(void) {
    if (atomic_load(&sh->failed)) fail("%s", sh->why);
    for (int i = 0; i < nroles; i++) if (waitpid(roles[i], 0, WNOHANG) > 0) fail("a role ended by itself");
}
static void wait_until(double seconds) {
    for (uint64_t end = now_ns() + seconds * 1e9; now_ns() < end; nap_us(20000)) supervise();
}
static double percentile(double p) {
    uint64_t n = 0, k = 0;
    for (int i = 0; i < BUCKETS; i++) n += sh->hist[i];
    for (int i = 0; i < BUCKETS; i++) if ((k += sh->hist[i]) >= n * p) return bucket_ns(i) / 1e3;
    return 0;
}

struct result { double rate, mb, cpu, p50, p99, max, noise; };

static struct result measure(int rep, double warm, double window) {
    memset(sh, 0, sizeof *sh);
    snprintf(cfg.tag, sizeof cfg.tag, "%d_%d", parent, rep);
    if (peer->prepare) peer->prepare();
    place_helpers();
    if (cfg.workload == 'L') { spawn(PONG, 1); spawn(PING, 0); }
    else {
        for (int i = 0; i < cfg.ncons; i++) spawn(CONSUMER, i);
        for (int i = 0; i < cfg.nprod; i++) spawn(PRODUCER, i);
    }
    for (uint64_t end = now_ns() + 10000000000ull; atomic_load(&sh->ready) < nroles; nap_us(1000)) {
        supervise();
        if (now_ns() > end) fail("not ready after 10 s");
    }
    atomic_store(&sh->go, 1);
    wait_until(warm);

    double cpu = cpu_all(), busy = machine_busy_us();
    uint64_t n = total(sh->got), t = now_ns();
    atomic_store(&sh->measuring, 1);
    wait_until(window);
    atomic_store(&sh->measuring, 0);
    n = total(sh->got) - n; t = now_ns() - t;
    cpu = cpu_all() - cpu; busy = machine_busy_us() - busy;

    atomic_store(&sh->stop, 1);
    int producers = cfg.workload == 'L' ? 1 : cfg.nprod;
    for (uint64_t end = now_ns() + 10000000000ull;; nap_us(500)) {
        supervise();
        int done = 0;
        uint64_t want = 0, got = 0;
        for (int i = 0; i < MAXROLES; i++) done += atomic_load(&sh->sent[i].done);
        if (done == producers && total(sh->sent) <= total(sh->got)) {
            nap_us(5000);                       /* room for a duplicate to show up */
            for (int i = 0; i < MAXROLES; i++) { want += sh->sent[i].sum; got += sh->got[i].sum; }
            if (total(sh->sent) != total(sh->got) || want != got) fail("duplicates or wrong messages");
            break;
        }
        if (now_ns() > end) fail("%lu of %lu messages arrived", total(sh->got), total(sh->sent));
    }
    if (!n) fail("nothing arrived in the window");
    struct result r = {n * 1e9 / t, n * 1e3 * cfg.payload / t, cpu / n, percentile(.5), percentile(.99),
                       sh->max_ns / 1e3, 0};
    r.noise = (busy - cpu) / (t / 1e3) * 100 / sysconf(_SC_NPROCESSORS_ONLN);
    if (r.noise < 0) r.noise = 0;             /* /proc/stat counts in ticks */
    kill_roles();
    if (peer->cleanup) peer->cleanup();
    return r;
}

/* ---- report ---- */
static int ascending(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return (x > y) - (x < y); }
static void report(const char *metric, struct result *r, int reps, size_t offset) {
    double v[MAXREPS], noise[MAXREPS];
    for (int i = 0; i < reps; i++) { v[i] = *(double *)((char *)&r[i] + offset); noise[i] = r[i].noise; }
    qsort(v, reps, sizeof *v, ascending);
    qsort(noise, reps, sizeof *noise, ascending);
    printf("{\"system\":\"%s\",\"workload\":\"%c\",\"payload\":%zu,\"depth\":%d,\"metric\":\"%s\",\"value\":%.6g,"
           "\"min\":%.6g,\"max\":%.6g,\"reps\":%d,\"cpus\":%ld,\"placement\":\"%s\",\"other_cpu_pct\":%.1f}\n", peer->name, cfg.workload, cfg.payload,
           cfg.depth, metric, v[reps / 2], v[0], v[reps - 1], reps,
           one_cpu ? 1 : sysconf(_SC_NPROCESSORS_ONLN), one_cpu ? "one" : split ? "split" : "free", noise[reps - 1]);
}

/* ---- M: memory of the server ---- */
static double rss_of_servers(void) {
    double kib = 0;
    for (int i = 0; i < nservers; i++) {
        char path[64], line[256];
        long v;
        snprintf(path, sizeof path, "/proc/%d/status", others[i]);
        FILE *f = fopen(path, "r");
        CHECK(f);
        while (fgets(line, sizeof line, f)) if (sscanf(line, "VmRSS: %ld", &v) == 1) kib += v;
        fclose(f);
    }
    return kib * KIB;
}
static void memory_line(const char *metric, double bytes) {
    printf("{\"system\":\"%s\",\"workload\":\"M\",\"payload\":%zu,\"depth\":1,\"metric\":\"%s\",\"value\":%.6g}\n",
           peer->name, cfg.payload, metric, bytes);
}
static void memory(int conns, int queues) {
    snprintf(cfg.tag, sizeof cfg.tag, "%d", parent);
    double base = rss_of_servers();
    memory_line("server_rss_idle", base);
    if (peer->connect) {
        for (int i = 0; i < conns; i++) CHECK(peer->connect());
        nap_us(500000);
        memory_line("bytes_per_connection", (rss_of_servers() - base) / conns);
    }
    if (peer->fill) {
        base = rss_of_servers();
        void *m = new_message();
        peer->fill(0, queues, m, cfg.payload);
        nap_us(500000);
        memory_line("bytes_per_queue", (rss_of_servers() - base) / queues);
    }
}

int bench_main(int argc, char **argv, struct peer *p) {
    static char name[64];
    int c, reps = 3, queues = 100000;
    double warm = .15, window = .6;
    parent = getpid();
    peer = p;
    cfg = (struct cfg){.workload = 'T', .payload = 64, .depth = 1, .nprod = 1, .ncons = 1, .nqueue = 1, .addr = "", .variant = ""};
    while ((c = getopt(argc, argv, "w:s:b:a:p:v:n:r:d:q:12")) != -1) switch (c) {
    case 'w': cfg.workload = *optarg; break;
    case 's': cfg.payload = atoi(optarg); break;
    case 'b': cfg.depth = atoi(optarg); break;
    case 'a': cfg.addr = optarg; break;
    case 'p': count_cpu_of(atoi(optarg)); nservers = nothers; break;
    case 'v': cfg.variant = optarg; break;
    case 'n': snprintf(name, sizeof name, "%s", optarg); p->name = name; break;
    case 'r': reps = atoi(optarg); break;
    case 'd': window = atof(optarg); break;
    case 'q': queues = atoi(optarg); break;
    case '1': one_cpu = 1; break;
    case '2': split = 1; break;
    default:
        fprintf(stderr, "usage: %s -w L|T|S|W|F|X|M [-s payload] [-b depth] [-a address] [-p server pid]\n"
                        "       [-v variant] [-n name in the report] [-r repetitions] [-d seconds] [-q queues of M] [-1: one CPU] [-2: servers on one, clients on the other]\n", argv[0]);
        return 2;
    }
    if (reps > MAXREPS) reps = MAXREPS;
    if (cfg.workload == 'F') cfg.nprod = cfg.ncons = 4;
    if (cfg.workload == 'X') cfg.nprod = cfg.nqueue = 8;
    if (cfg.workload == 'L') cfg.nqueue = 2;
    setlinebuf(stdout);
    signal(SIGPIPE, SIG_IGN);
    sh = mmap(0, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(sh != MAP_FAILED);
    place();
    if (cfg.workload == 'M') { memory(2000, queues); return 0; }

    struct result r[MAXREPS];
    for (int i = 0; i < reps; i++) r[i] = measure(i, warm, window);
#define R(metric, field) report(metric, r, reps, offsetof(struct result, field))
    if (cfg.workload == 'L') {
        R("rtt_us_p50", p50); R("rtt_us_p99", p99); R("rtt_us_max", max);
        R("roundtrips_per_s", rate); R("cpu_us_per_roundtrip", cpu);
    } else {
        R("msgs_per_s", rate); R("mb_per_s", mb); R("cpu_us_per_msg", cpu);
    }
    return 0;
}
