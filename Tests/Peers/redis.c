// SPDX-License-Identifier: Apache-2.0
/* Redis lists over a unix socket, with hiredis.
 * depth 1:  RPUSH and its reply, then the next; the consumer BLPOPs one by one
 * depth >1: variadic RPUSH of so many values, 4 commands under way; the consumer
 *           BLMPOPs (Redis 7) up to so many, with the next request already sent
 * W variant stream: XADD, XREADGROUP, then XACK and XDEL together with the next read
 *   variant list:   BLMOVE to a list of messages in work, then LREM, so many under way
 * X: BLPOP / BLMPOP on 8 keys. Lists have no bound: the harness keeps the window. */
#include "bench.h"
#include <errno.h>
#include <hiredis/hiredis.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNDER_WAY 4
#define REQUEST_MAX (256 * KIB)
static redisContext *c;
static char key[8][48], doing[48], count[16], myname[16];
static int stream, batch, owed, started, to;
static char *kept;
static size_t nkept;
static redisReply *reply;          /* of the consumer's last request */
static redisReply **item;          /* what is left of it */
static size_t nitems;
static char id[64];
static char (*ids)[32];
static int nids;

static void open_(enum role role, int i) {
    c = redisConnectUnix(cfg.addr);
    CHECK(c && !c->err);
    stream = cfg.workload == 'W' && strcmp(cfg.variant, "list");
    batch = cfg.depth;
    while (batch > 1 && batch * cfg.payload > REQUEST_MAX) batch--;
    snprintf(count, sizeof count, "%d", batch);
    snprintf(myname, sizeof myname, "c%d", i);
    for (int q = 0; q < 8; q++) snprintf(key[q], sizeof key[q], "q:%s:%d", cfg.tag, q);
    snprintf(doing, sizeof doing, "doing:%s", cfg.tag);
    kept = xalloc(batch * cfg.payload);
    ids = xalloc(batch * sizeof *ids);
    if (stream && role == CONSUMER) freeReplyObject(redisCommand(c, "XGROUP CREATE %s g 0 MKSTREAM", key[0]));
}
static redisReply *next_reply(void) {
    redisReply *r;
    if (redisGetReply(c, (void **)&r)) fail("redis: %s", c->errstr);
    if (r->type == REDIS_REPLY_ERROR) fail("redis: %s", r->str);
    return r;
}
static void append(int argc, const char **argv, const size_t *len) { CHECK(!redisAppendCommandArgv(c, argc, argv, len)); }
#define APPEND(...) do { const char *a_[] = {__VA_ARGS__}; append(sizeof a_ / sizeof *a_, a_, 0); } while (0)

static void settle(int most) { while (owed > most) { freeReplyObject(next_reply()); owed--; } }

static void push(int q) {
    const char *argv[2 + nkept];
    size_t len[2 + nkept];
    argv[0] = "RPUSH"; len[0] = 5;
    argv[1] = key[q]; len[1] = strlen(key[q]);
    for (size_t i = 0; i < nkept; i++) { argv[2 + i] = kept + i * cfg.payload; len[2 + i] = cfg.payload; }
    append(2 + nkept, argv, len);
    nkept = 0;
    owed++;
}
static void send_(int q, const void *m, size_t n) {
    if (stream) {
        const char *argv[] = {"XADD", key[q], "*", "m", m};
        size_t len[] = {4, strlen(key[q]), 1, 1, n};
        append(5, argv, len);
        if (++owed >= 2 * batch || batch == 1) settle(batch == 1 ? 0 : batch);
        return;
    }
    to = q;
    memcpy(kept + nkept++ * cfg.payload, m, n);
    if (nkept < (size_t)batch) return;
    push(q);
    if (cfg.workload == 'L') { owed = 0; return; } /* goes out with the next BLPOP; its reply comes first */
    int done = 0;
    if (batch > 1) while (!done) CHECK(!redisBufferWrite(c, &done));
    settle(batch > 1 ? UNDER_WAY - 1 : 0);
}
static void flush(void) { if (nkept) push(to); settle(0); }

static void ask(int q) {
    if (stream) {
        APPEND("XREADGROUP", "GROUP", "g", myname, "COUNT", count, "BLOCK", "0", "STREAMS", key[0], ">");
    } else if (batch == 1 || cfg.workload == 'L') {
        if (q >= 0) APPEND("BLPOP", key[q], "0");
        else APPEND("BLPOP", key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7], "0");
    } else {
        if (q >= 0) APPEND("BLMPOP", "0", "1", key[q], "LEFT", "COUNT", count);
        else APPEND("BLMPOP", "0", "8", key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7], "LEFT", "COUNT", count);
    }
}
static void take_lists(int q) {
    if (batch > 1 && cfg.workload != 'L') { if (!started) ask(q); ask(q); started = 1; } /* one ahead */
    else ask(q);
    do { if (reply) freeReplyObject(reply); reply = next_reply(); } while (reply->type == REDIS_REPLY_INTEGER);
    CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 2);
    redisReply *v = reply->element[1];
    if (v->type == REDIS_REPLY_ARRAY) { item = v->element; nitems = v->elements; }
    else { item = &reply->element[1]; nitems = 1; }
}
static void take_stream(void) {
    if (nids) {                                /* acknowledge and remove, all in one write with the next read */
        const char *a[3 + nids];
        a[0] = "XACK"; a[1] = key[0]; a[2] = "g";
        for (int i = 0; i < nids; i++) a[3 + i] = ids[i];
        append(3 + nids, a, 0);
        a[1] = "XDEL"; a[2] = key[0];
        append(2 + nids, a + 1, 0);
        nids = 0;
    }
    ask(0);
    do { if (reply) freeReplyObject(reply); reply = next_reply(); } while (reply->type == REDIS_REPLY_INTEGER);
    CHECK(reply->type == REDIS_REPLY_ARRAY);
    redisReply *v = reply->element[0]->element[1];
    item = v->element; nitems = v->elements;
}
static size_t recv_(int q, void **m) {
    redisReply *r;
    if (cfg.workload == 'W' && !stream) {      /* BLMOVE */
        if (!started) for (; started < batch; started++) APPEND("BLMOVE", key[0], doing, "LEFT", "RIGHT", "0");
        do { if (reply) freeReplyObject(reply); reply = next_reply(); } while (reply->type == REDIS_REPLY_INTEGER);
        *m = reply->str;
        return reply->len;
    }
    if (!nitems) { if (stream) take_stream(); else take_lists(q); }
    r = *item++; nitems--;
    if (stream) {
        snprintf(id, sizeof id, "%s", r->element[0]->str);
        r = r->element[1]->element[1];
    }
    *m = r->str;
    return r->len;
}
static void ack(void) {
    if (cfg.workload != 'W') return;
    if (stream) { memcpy(ids[nids++], id, 32); return; }
    const char *argv[] = {"LREM", doing, "1", reply->str};
    size_t len[] = {4, strlen(doing), 1, reply->len};
    append(4, argv, len);
    APPEND("BLMOVE", key[0], doing, "LEFT", "RIGHT", "0");
}

static void *connect_(void) {
    redisContext *r;
    while ((r = redisConnectUnix(cfg.addr))->err == REDIS_ERR_IO && errno == EAGAIN) { redisFree(r); usleep(1000); }
    if (r->err) fail("redis: %s", r->errstr);
    return r;
}
static void fill(int from, int to, const void *m, size_t n) {
    c = connect_();
    CHECK(c);
    for (int i = from; i < to; i++) {
        char k[32];
        snprintf(k, sizeof k, "many:%d", i);
        const char *argv[] = {"RPUSH", k, m};
        size_t len[] = {5, strlen(k), n};
        append(3, argv, len);
        if (++owed == 100) settle(0);
    }
    settle(0);
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "redis", .window = 1, .open = open_, .send = send_, .flush = flush,
                            .recv = recv_, .ack = ack, .connect = connect_, .fill = fill};
    return bench_main(argc, argv, &p);
}
