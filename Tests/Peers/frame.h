// SPDX-License-Identifier: Apache-2.0
/* Frames on a byte stream: a 4 byte length, then the message. */
#ifndef FRAME_H
#define FRAME_H
#include "bench.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MAX (256 * KIB)       /* taken in one read when batching */
#define GATHER_MAX (64 * KIB)      /* gathered for one write when batching */

static inline size_t frame_size(void) { return cfg.payload + 4; }

struct out { int fd; char *buf; size_t n, cap; };
static inline struct out out_new(int fd) {
    size_t cap = GATHER_MAX > frame_size() ? GATHER_MAX : frame_size();
    return (struct out){fd, xalloc(cap), 0, cap};
}
static inline void write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        CHECK(k > 0);
        p += k; n -= k;
    }
}
static inline void out_flush(struct out *o) { write_all(o->fd, o->buf, o->n); o->n = 0; }
static inline void out_frame(struct out *o, const void *msg, size_t n) {
    uint32_t len = n;
    if (o->n + n + 4 > o->cap) out_flush(o);
    memcpy(o->buf + o->n, &len, 4);
    memcpy(o->buf + o->n + 4, msg, n);
    o->n += n + 4;
    if (cfg.depth <= 1) out_flush(o);
}

struct in { int fd; char *buf; size_t at, end, cap, most; };
/* most: bytes asked for in one read; unbatched that is one frame. */
static inline struct in in_new(int fd) {
    size_t cap = READ_MAX + frame_size();
    return (struct in){fd, xalloc(cap), 0, 0, cap, cfg.depth == 1 ? frame_size() : READ_MAX};
}
static inline size_t in_whole(struct in *i) {   /* bytes of whole frames at hand */
    size_t at = i->at;
    uint32_t len;
    while (i->end - at >= 4 && (memcpy(&len, i->buf + at, 4), i->end - at - 4 >= len)) at += 4 + len;
    return at - i->at;
}
static inline ssize_t in_read(struct in *i) {
    if (i->at == i->end) i->at = i->end = 0;
    else if (i->at && i->cap - i->end < i->most) {
        memmove(i->buf, i->buf + i->at, i->end - i->at);
        i->end -= i->at; i->at = 0;
    }
    size_t room = i->cap - i->end, want = i->most;
    if (cfg.depth == 1) want = frame_size() - (i->end - i->at);
    ssize_t k = read(i->fd, i->buf + i->end, want < room ? want : room);
    if (k > 0) i->end += k;
    return k;
}
static inline void *in_frame(struct in *i, size_t *n) { /* 0: no whole frame at hand */
    uint32_t len;
    if (i->end - i->at < 4) return 0;
    memcpy(&len, i->buf + i->at, 4);
    if (i->end - i->at - 4 < len) return 0;
    void *p = i->buf + i->at + 4;
    i->at += 4 + len;
    *n = len;
    return p;
}
#endif
