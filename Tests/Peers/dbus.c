// SPDX-License-Identifier: Apache-2.0
/* D-Bus over a private bus (dbus-daemon), with libsystemd's sd-bus.
 * L and T: method calls that expect no reply, to the queue's well-known name;
 * S: calls that wait for the reply. No backpressure: the harness keeps the window. */
#include "bench.h"
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

static sd_bus *bus;
static sd_bus_message *got, *last;

#define BUS(x) do { int e_ = (x); if (e_ < 0) fail("%s: %s", #x, strerror(-e_)); } while (0)
static const char *name_of(int q) {
    static char s[80];
    snprintf(s, sizeof s, "bench.t%s.q%d", cfg.tag, q);
    return s;
}
static int arrived(sd_bus_message *m, void *arg, sd_bus_error *e) {
    (void)arg; (void)e;
    if (!sd_bus_message_is_method_call(m, "bench.Q", "Put")) return 0;
    got = sd_bus_message_ref(m);
    if (cfg.workload == 'S') BUS(sd_bus_reply_method_return(m, ""));
    return 1;
}
static sd_bus *dial(void) {
    sd_bus *b;
    const char *unique;
    BUS(sd_bus_new(&b));
    BUS(sd_bus_set_address(b, cfg.addr));
    BUS(sd_bus_set_bus_client(b, 1));
    BUS(sd_bus_start(b));
    BUS(sd_bus_get_unique_name(b, &unique));   /* waits until the bus has greeted us */
    return b;
}
static void open_(enum role role, int id) {
    (void)id;
    bus = dial();
    if (role == PRODUCER) return;
    BUS(sd_bus_add_filter(bus, 0, arrived, 0));
    BUS(sd_bus_request_name(bus, name_of(role == PING), 0));
}
static void send_(int q, const void *m, size_t n) {
    sd_bus_message *c;
    sd_bus_error e = SD_BUS_ERROR_NULL;
    BUS(sd_bus_message_new_method_call(bus, &c, name_of(q), "/", "bench.Q", "Put"));
    BUS(sd_bus_message_append_array(c, 'y', m, n));
    if (cfg.workload == 'S') { if (sd_bus_call(bus, c, 0, &e, 0) < 0) fail("dbus: %s", e.message); }
    else {
        BUS(sd_bus_message_set_expect_reply(c, 0));
        BUS(sd_bus_send(bus, c, 0));
        BUS(sd_bus_flush(bus));
    }
    sd_bus_message_unref(c);
}
static size_t recv_(int q, void **m) {
    size_t n;
    int r;
    (void)q;
    last = sd_bus_message_unref(last);
    while (!got) { BUS(r = sd_bus_process(bus, 0)); if (!r && !got) BUS(sd_bus_wait(bus, -1)); }
    last = got; got = 0;
    BUS(sd_bus_message_read_array(last, 'y', (const void **)m, &n));
    return n;
}
static void *connect_(void) { return dial(); }

int main(int argc, char **argv) {
    static struct peer p = {.name = "dbus", .window = 1, .open = open_, .send = send_, .recv = recv_, .connect = connect_};
    return bench_main(argc, argv, &p);
}
