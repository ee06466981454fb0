// SPDX-License-Identifier: Apache-2.0
/* The physical limit: a single producer, single consumer ring in shared memory
 * between two processes, with futex wake-ups. No broker, no protection of one
 * from the other. variant spin: look for up to 50 us before sleeping. */
#define _GNU_SOURCE
#include "frame.h"
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

struct ring {
    _Alignas(128) _Atomic uint64_t head;        /* written by the producer */
    _Alignas(128) _Atomic uint64_t tail;        /* written by the consumer */
    _Alignas(128) _Atomic uint32_t room_seq;    /* the producer sleeps here */
    _Atomic int producer_sleeps;
    _Alignas(128) char data[];
};
struct bell { _Alignas(128) _Atomic uint32_t seq; _Atomic int sleeps; };

static struct ring *ring[8];
static struct bell *bell[8];       /* the consumer sleeps here; X: one for all rings */
static size_t cap;
static uint64_t held[8], seen_head[8], seen_tail[8];
static int spin, next_q;

static void futex_wait(_Atomic uint32_t *f, uint32_t v) { syscall(SYS_futex, f, FUTEX_WAIT, v, 0, 0, 0); }
static void futex_wake(_Atomic uint32_t *f) { syscall(SYS_futex, f, FUTEX_WAKE, 1, 0, 0, 0); }
static size_t step(size_t n) { return (n + 4 + 7) / 8 * 8; }

static void prepare(void) {
    spin = !strcmp(cfg.variant, "spin");
    cap = MIB;
    while (cap < 8 * cfg.payload) cap *= 2;
    for (int q = 0; q < cfg.nqueue; q++) {
        ring[q] = mmap(0, sizeof(struct ring) + cap, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        bell[q] = mmap(0, sizeof(struct bell), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(ring[q] != MAP_FAILED && bell[q] != MAP_FAILED);
        if (cfg.workload == 'X') bell[q] = bell[0];
        held[q] = seen_head[q] = seen_tail[q] = 0;
    }
}
static void cleanup(void) {
    for (int q = 0; q < cfg.nqueue; q++) {
        munmap(ring[q], sizeof(struct ring) + cap);
        if (!q || cfg.workload != 'X') munmap(bell[q], sizeof(struct bell));
    }
}
static void open_(enum role role, int id) { (void)role; (void)id; }

static void send_(int q, const void *m, size_t n) {
    struct ring *r = ring[q];
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t need = step(n), at = head % cap, skip = at + need > cap ? cap - at : 0;
    for (uint64_t since = 0; head + skip + need - seen_tail[q] > cap;) {
        seen_tail[q] = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head + skip + need - seen_tail[q] <= cap) break;
        if (spin) {
            if (!since) since = now_ns();
            if (now_ns() - since < 50000) { __builtin_ia32_pause(); continue; }
        }
        uint32_t s = atomic_load(&r->room_seq);
        atomic_store(&r->producer_sleeps, 1);
        if (head + skip + need - atomic_load(&r->tail) > cap) futex_wait(&r->room_seq, s);
        atomic_store(&r->producer_sleeps, 0);
    }
    uint32_t len = n;
    if (skip) { memset(r->data + at, 0xff, 4); at = 0; }
    memcpy(r->data + at, &len, 4);
    memcpy(r->data + at + 4, m, n);
    atomic_store(&r->head, head + skip + need);      /* seq_cst: before we look for a sleeper */
    if (atomic_load(&bell[q]->sleeps)) { atomic_fetch_add(&bell[q]->seq, 1); futex_wake(&bell[q]->seq); }
}
static int take(int q, void **m, size_t *n) {
    struct ring *r = ring[q];
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint32_t len;
    if (held[q]) {                               /* give back the message handed out last */
        tail += held[q]; held[q] = 0;
        atomic_store(&r->tail, tail);
        if (atomic_load(&r->producer_sleeps) && atomic_load(&r->head) - tail <= cap / 2) {
            atomic_fetch_add(&r->room_seq, 1);
            futex_wake(&r->room_seq);
        }
    }
    if (seen_head[q] == tail && (seen_head[q] = atomic_load_explicit(&r->head, memory_order_acquire)) == tail) return 0;
    size_t at = tail % cap;
    memcpy(&len, r->data + at, 4);
    if (len == 0xffffffff) { held[q] = cap - at; at = 0; memcpy(&len, r->data, 4); }
    *m = r->data + at + 4; *n = len;
    held[q] += step(len);
    return 1;
}
static size_t recv_(int q, void **m) {
    struct bell *b = bell[q < 0 ? 0 : q];
    size_t n;
    for (uint64_t since = 0;;) {
        uint32_t s = atomic_load(&b->seq);
        for (int i = 0; i < (q < 0 ? cfg.nqueue : 1); i++) {
            int k = q < 0 ? (next_q + i) % cfg.nqueue : q;
            if (take(k, m, &n)) { if (q < 0) next_q = k; atomic_store_explicit(&b->sleeps, 0, memory_order_relaxed); return n; }
        }
        if (spin) {
            if (!since) since = now_ns();
            if (now_ns() - since < 50000) { __builtin_ia32_pause(); continue; }
        }
        if (!atomic_load(&b->sleeps)) { atomic_store(&b->sleeps, 1); continue; }  /* look once more, then sleep */
        futex_wait(&b->seq, s);
    }
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "shm", .prepare = prepare, .open = open_, .send = send_, .recv = recv_, .cleanup = cleanup};
    return bench_main(argc, argv, &p);
}
