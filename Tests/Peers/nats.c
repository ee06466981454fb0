// SPDX-License-Identifier: Apache-2.0
/* NATS over loopback TCP (the server has no unix sockets), with the C client.
 * L T F X: core publish/subscribe; F a queue group, X a wildcard subscription over
 * 8 subjects. Core has no backpressure (a slow consumer loses messages): the harness
 * keeps the window.
 * depth 1:  each message is written to the socket at once; depth >1: the client gathers
 * S W: JetStream, memory storage, work-queue retention. S: js_Publish waits for each
 * acknowledgement. W depth >1: js_PublishAsync, Fetch of so many, each acknowledged. */
#include "bench.h"
#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#define NATS(x) do { natsStatus e_ = (x); if (e_) fail("%s: %s (%s)", #x, natsStatus_GetText(e_), nats_GetLastError(0)); } while (0)
static natsConnection *nc;
static natsSubscription *sub;
static natsMsg *msg;
static jsCtx *js;
static natsMsgList list;
static int next_in_list, stream;
static char subject[8][64], name[64];

static natsConnection *dial(void) {
    natsOptions *o;
    natsConnection *c;
    NATS(natsOptions_Create(&o));
    NATS(natsOptions_SetURL(o, cfg.addr));
    if (cfg.workload == 'L' || cfg.depth == 1) NATS(natsOptions_SetSendAsap(o, true));
    NATS(natsOptions_SetIOBufSize(o, cfg.payload > 1024 ? 256 * KIB : 32 * KIB)); /* 32 KiB is the default */
    NATS(natsConnection_Connect(&c, o));
    return c;
}
static void open_(enum role role, int id) {
    (void)id;
    nc = dial();
    stream = cfg.workload == 'S' || cfg.workload == 'W';
    for (int q = 0; q < 8; q++) snprintf(subject[q], sizeof subject[q], "s%s.%d", cfg.tag, q);
    snprintf(name, sizeof name, "s%s", cfg.tag);
    if (stream) {
        jsOptions jo;
        jsOptions_Init(&jo);
        jo.PublishAsync.MaxPending = cfg.depth > 1 ? cfg.depth : 1;
        NATS(natsConnection_JetStream(&js, nc, &jo));
        if (role == CONSUMER) {
            jsStreamConfig sc;
            const char *subjects[] = {subject[0]};
            jsSubOptions so;
            jsStreamConfig_Init(&sc);
            sc.Name = name; sc.Subjects = subjects; sc.SubjectsLen = 1;
            sc.Storage = js_MemoryStorage; sc.Retention = js_WorkQueuePolicy;
            NATS(js_AddStream(0, js, &sc, 0, 0));
            jsSubOptions_Init(&so);
            so.Config.AckPolicy = js_AckExplicit;
            so.Config.MaxAckPending = 4096;
            NATS(js_PullSubscribe(&sub, js, subject[0], "d", 0, &so, 0));
        }
        return;
    }
    if (role == PRODUCER) return;
    char all[80];
    snprintf(all, sizeof all, "s%s.*", cfg.tag);
    if (role == CONSUMER) NATS(natsConnection_QueueSubscribeSync(&sub, nc, all, "g"));
    else NATS(natsConnection_SubscribeSync(&sub, nc, subject[role == PING]));
    NATS(natsSubscription_SetPendingLimits(sub, -1, -1));
    NATS(natsConnection_Flush(nc));
}
static void send_(int q, const void *m, size_t n) {
    if (!stream) NATS(natsConnection_Publish(nc, subject[q], m, n));
    else if (cfg.depth <= 1) { jsPubAck *pa; NATS(js_Publish(&pa, js, subject[q], m, n, 0, 0)); jsPubAck_Destroy(pa); }
    else NATS(js_PublishAsync(js, subject[q], m, n, 0));
}
static void flush(void) {
    if (stream && cfg.depth > 1) NATS(js_PublishAsyncComplete(js, 0));
    NATS(natsConnection_Flush(nc));
}
static size_t recv_(int q, void **m) {
    (void)q;
    natsMsg_Destroy(msg);
    msg = 0;
    if (!stream) NATS(natsSubscription_NextMsg(&msg, sub, 3600000));
    else {
        while (next_in_list >= list.Count) {
            natsMsgList_Destroy(&list);
            next_in_list = list.Count = 0;
            natsStatus e = natsSubscription_Fetch(&list, sub, cfg.depth > 1 ? cfg.depth : 1, 5000, 0);
            if (e && e != NATS_TIMEOUT) NATS(e);
        }
        msg = list.Msgs[next_in_list];
        list.Msgs[next_in_list++] = 0;
    }
    *m = (void *)natsMsg_GetData(msg);
    return natsMsg_GetDataLength(msg);
}
static void ack(void) { if (stream) NATS(natsMsg_Ack(msg, 0)); }
static void cleanup(void) {
    if (cfg.workload != 'S' && cfg.workload != 'W') return;
    natsConnection *c = dial();
    snprintf(name, sizeof name, "s%s", cfg.tag);
    NATS(natsConnection_JetStream(&js, c, 0));
    NATS(js_DeleteStream(js, name, 0, 0));
    jsCtx_Destroy(js);
    natsConnection_Destroy(c);
}

static void *connect_(void) { return dial(); }
static void fill(int from, int to, const void *m, size_t n) { /* one stream, so many subjects */
    jsStreamConfig sc;
    const char *subjects[] = {"many.*"};
    char s[32];
    nc = dial();
    NATS(natsConnection_JetStream(&js, nc, 0));
    jsStreamConfig_Init(&sc);
    sc.Name = "many"; sc.Subjects = subjects; sc.SubjectsLen = 1; sc.Storage = js_MemoryStorage;
    NATS(js_AddStream(0, js, &sc, 0, 0));
    for (int i = from; i < to; i++) { snprintf(s, sizeof s, "many.%d", i); NATS(js_PublishAsync(js, s, m, n, 0)); }
    NATS(js_PublishAsyncComplete(js, 0));
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "nats", .window = 1, .open = open_, .send = send_, .flush = flush, .recv = recv_,
                            .ack = ack, .cleanup = cleanup, .connect = connect_, .fill = fill};
    return bench_main(argc, argv, &p);
}
