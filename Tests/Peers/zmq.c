// SPDX-License-Identifier: Apache-2.0
/* ZeroMQ over ipc://, no broker; libzmq batches writes by itself in its I/O thread.
 * PUSH/PULL for all but S, which is REQ/REP. F: each of 4 PUSH connects to all 4 PULL.
 * X: zmq_poll on 8 PULL sockets. High-water mark 1000 (the default), less for large messages. */
#include "bench.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static void *ctx, *push[8], *pull[8];
static zmq_msg_t msg;
static zmq_pollitem_t items[8];
static int ready, at;

static char *address(int q) {
    static char s[200];
    snprintf(s, sizeof s, "ipc://%s/zmq-%s-%d", cfg.addr, cfg.tag, q);
    return s;
}
static void *sock(int type) {
    void *s = zmq_socket(ctx, type);
    int hwm = 16 * MIB / cfg.payload;
    if (hwm > 1000) hwm = 1000;
    CHECK(s && !zmq_setsockopt(s, ZMQ_SNDHWM, &hwm, sizeof hwm) && !zmq_setsockopt(s, ZMQ_RCVHWM, &hwm, sizeof hwm));
    return s;
}
static void connect_to(int q, int type) { push[q] = sock(type); CHECK(!zmq_connect(push[q], address(q))); }
static void bind_to(int q, int type) { pull[q] = sock(type); CHECK(!zmq_bind(pull[q], address(q))); }

static void open_(enum role role, int id) {
    int sync = cfg.workload == 'S';
    ctx = zmq_ctx_new();
    zmq_msg_init(&msg);
    if (role == PING) { connect_to(0, ZMQ_PUSH); bind_to(1, ZMQ_PULL); }
    else if (role == PONG) { bind_to(0, ZMQ_PULL); connect_to(1, ZMQ_PUSH); }
    else if (role == CONSUMER && cfg.workload == 'X') for (int q = 0; q < 8; q++) {
        bind_to(q, ZMQ_PULL);
        items[q] = (zmq_pollitem_t){pull[q], 0, ZMQ_POLLIN, 0};
    }
    else if (role == CONSUMER) { bind_to(id, sync ? ZMQ_REP : ZMQ_PULL); pull[0] = pull[id]; }
    else if (cfg.workload == 'X') connect_to(id, ZMQ_PUSH);
    else {
        push[0] = sock(sync ? ZMQ_REQ : ZMQ_PUSH);
        for (int i = 0; i < cfg.ncons; i++) CHECK(!zmq_connect(push[0], address(i)));
    }
}
static void send_(int q, const void *m, size_t n) {
    CHECK(zmq_send(push[q], m, n, 0) == (int)n);
    if (cfg.workload == 'S') CHECK(zmq_recv(push[q], 0, 0, 0) == 0);
}
static size_t recv_(int q, void **m) {
    if (q >= 0) CHECK(zmq_msg_recv(&msg, pull[q], 0) >= 0);
    else for (;;) {                            /* serve every ready socket in turn, then poll again */
        if (at < 8 && ready) {
            if (!(items[at].revents & ZMQ_POLLIN) || zmq_msg_recv(&msg, pull[at], ZMQ_DONTWAIT) < 0) { at++; continue; }
            if (cfg.depth == 1) at++;
            break;
        }
        ready = zmq_poll(items, 8, -1);
        at = 0;
    }
    if (cfg.workload == 'S') CHECK(zmq_send(pull[0], 0, 0, 0) == 0);
    *m = zmq_msg_data(&msg);
    return zmq_msg_size(&msg);
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "zmq", .open = open_, .send = send_, .recv = recv_};
    return bench_main(argc, argv, &p);
}
