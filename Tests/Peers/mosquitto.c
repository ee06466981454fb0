// SPDX-License-Identifier: Apache-2.0
/* mosquitto over its unix listener, with libmosquitto and its network thread.
 * variant 0: QoS 0, fire and forget; variant 1: QoS 1, each message acknowledged on
 * both legs, up to 1000 under way. No backpressure: the harness keeps the window. */
#include "bench.h"
#include <errno.h>
#include <mosquitto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mosquitto *c;
static int qos, subscribed;
static char topic[8][64];

/* The network thread hands messages to the role over a small queue. */
#define SLOTS 4096
static struct { void *p; size_t n; } box[SLOTS];
static unsigned head, tail;
static void *last;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER, room = PTHREAD_COND_INITIALIZER;

static void on_message(struct mosquitto *m, void *arg, const struct mosquitto_message *msg) {
    (void)m; (void)arg;
    void *copy = malloc(msg->payloadlen);
    memcpy(copy, msg->payload, msg->payloadlen);
    pthread_mutex_lock(&mu);
    while (head - tail == SLOTS) pthread_cond_wait(&room, &mu);
    box[head % SLOTS].p = copy; box[head++ % SLOTS].n = msg->payloadlen;
    pthread_cond_signal(&some);
    pthread_mutex_unlock(&mu);
}
static void on_subscribe(struct mosquitto *m, void *arg, int mid, int n, const int *granted) {
    (void)m; (void)arg; (void)mid; (void)n; (void)granted;
    subscribed = 1;
}
static struct mosquitto *dial(void) {
    struct mosquitto *m = mosquitto_new(0, true, 0);
    mosquitto_max_inflight_messages_set(m, 1000);
    mosquitto_int_option(m, MOSQ_OPT_RECEIVE_MAXIMUM, 1000);
    int e;
    while ((e = mosquitto_connect(m, cfg.addr, 0, 600)) == MOSQ_ERR_ERRNO && errno == EAGAIN) usleep(1000);
    if (e) fail("mosquitto: %s", mosquitto_strerror(e));
    return m;
}
static void open_(enum role role, int id) {
    (void)id;
    mosquitto_lib_init();
    qos = atoi(cfg.variant);
    for (int q = 0; q < 8; q++) snprintf(topic[q], sizeof topic[q], "s%s/%d", cfg.tag, q);
    c = dial();
    mosquitto_message_callback_set(c, on_message);
    mosquitto_subscribe_callback_set(c, on_subscribe);
    CHECK(!mosquitto_loop_start(c));
    if (role == PRODUCER) return;
    CHECK(!mosquitto_subscribe(c, 0, topic[role == PING], qos));
    while (!subscribed) usleep(1000);
}
static void send_(int q, const void *m, size_t n) {
    int e = mosquitto_publish(c, 0, topic[q], n, m, qos, false);
    if (e) fail("mosquitto: %s", mosquitto_strerror(e));
}
static size_t recv_(int q, void **m) {
    (void)q;
    free(last);
    pthread_mutex_lock(&mu);
    while (head == tail) pthread_cond_wait(&some, &mu);
    *m = last = box[tail % SLOTS].p;
    size_t n = box[tail++ % SLOTS].n;
    pthread_cond_signal(&room);
    pthread_mutex_unlock(&mu);
    return n;
}
static void *connect_(void) { return dial(); }

int main(int argc, char **argv) {
    static struct peer p = {.name = "mosquitto", .window = 1, .open = open_, .send = send_, .recv = recv_, .connect = connect_};
    return bench_main(argc, argv, &p);
}
