// SPDX-License-Identifier: Apache-2.0
/* nng over ipc://, no broker. push/pull for all but S, which is req/rep.
 * F: each of 4 push sockets dials all 4 pull sockets. X: 8 pull sockets, one
 * outstanding aio each. Send and receive buffers of 128 messages (pull and push
 * take the receive side from the transport). */
#include "bench.h"
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NNG(x) do { int e_ = (x); if (e_) fail("%s: %s", #x, nng_strerror(e_)); } while (0)
static nng_socket push[8], pull[8];
static nng_msg *msg;

static nng_aio *aio[8];            /* X */
static int done[8], ndone, rearm = -1;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;

static char *address(int q) {
    static char s[200];
    snprintf(s, sizeof s, "ipc://%s/nng-%s-%d", cfg.addr, cfg.tag, q);
    return s;
}
static void options(nng_socket s) {
    int depth = 16 * MIB / cfg.payload;
    nng_socket_set_int(s, NNG_OPT_SENDBUF, depth > 128 ? 128 : depth);
    nng_socket_set_int(s, NNG_OPT_RECVBUF, depth > 128 ? 128 : depth);
    nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, 0);
}
static void dial(int s, int q) { while (nng_dial(push[s], address(q), 0, 0)) nng_msleep(2); } /* until it listens */
static void push_to(int q) { NNG(nng_push0_open(&push[q])); options(push[q]); dial(q, q); }
static void pull_at(int q) { NNG(nng_pull0_open(&pull[q])); options(pull[q]); NNG(nng_listen(pull[q], address(q), 0, 0)); }
static void arrived(void *arg) {
    pthread_mutex_lock(&mu);
    done[ndone++] = (intptr_t)arg;
    pthread_cond_signal(&some);
    pthread_mutex_unlock(&mu);
}
static void open_(enum role role, int id) {
    if (role == PING) { push_to(0); pull_at(1); }
    else if (role == PONG) { pull_at(0); push_to(1); }
    else if (cfg.workload == 'S') {
        if (role == CONSUMER) { NNG(nng_rep0_open(&pull[0])); options(pull[0]); NNG(nng_listen(pull[0], address(0), 0, 0)); }
        else { NNG(nng_req0_open(&push[0])); options(push[0]); dial(0, 0); }
    }
    else if (cfg.workload == 'X' && role == PRODUCER) push_to(id);
    else if (cfg.workload == 'X') for (int q = 0; q < 8; q++) {
        pull_at(q);
        NNG(nng_aio_alloc(&aio[q], arrived, (void *)(intptr_t)q));
        nng_recv_aio(pull[q], aio[q]);
    }
    else if (role == CONSUMER) { pull_at(id); pull[0] = pull[id]; }
    else {
        NNG(nng_push0_open(&push[0])); options(push[0]);
        for (int i = 0; i < cfg.ncons; i++) dial(0, i);
    }
}
static void send_(int q, const void *m, size_t n) {
    nng_msg *out, *ok;
    NNG(nng_msg_alloc(&out, n));
    memcpy(nng_msg_body(out), m, n);
    NNG(nng_sendmsg(push[q], out, 0));
    if (cfg.workload == 'S') { NNG(nng_recvmsg(push[q], &ok, 0)); nng_msg_free(ok); }
}
static size_t recv_(int q, void **m) {
    if (msg) nng_msg_free(msg);
    if (q >= 0) NNG(nng_recvmsg(pull[q], &msg, 0));
    else {
        if (rearm >= 0) nng_recv_aio(pull[rearm], aio[rearm]);
        pthread_mutex_lock(&mu);
        while (!ndone) pthread_cond_wait(&some, &mu);
        rearm = done[0];
        memmove(done, done + 1, --ndone * sizeof *done);
        pthread_mutex_unlock(&mu);
        NNG(nng_aio_result(aio[rearm]));
        msg = nng_aio_get_msg(aio[rearm]);
    }
    if (cfg.workload == 'S') { nng_msg *ok; NNG(nng_msg_alloc(&ok, 0)); NNG(nng_sendmsg(pull[0], ok, 0)); }
    *m = nng_msg_body(msg);
    return nng_msg_len(msg);
}

int main(int argc, char **argv) {
    static struct peer p = {.name = "nng", .open = open_, .send = send_, .recv = recv_};
    return bench_main(argc, argv, &p);
}
