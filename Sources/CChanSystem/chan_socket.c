// SPDX-License-Identifier: Apache-2.0
//
// Unix stream sockets: addresses, options and the identity of the peer.
#define _GNU_SOURCE
#include "chan_system.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <linux/sockios.h>

static const struct sockaddr_un *address(struct sockaddr_un *out, const char *path, size_t length) {
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    memcpy(out->sun_path, path, length);
    return out;
}

size_t chan_unix_path_limit(void) { return sizeof ((struct sockaddr_un *)0)->sun_path - 1; }

int chan_unix_socket(int non_blocking) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (non_blocking ? SOCK_NONBLOCK : 0), 0);
}

int chan_unix_pair(int fds[2], int non_blocking) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (non_blocking ? SOCK_NONBLOCK : 0), 0, fds);
}

int chan_unix_bind(int fd, const char *path, size_t length) {
    struct sockaddr_un name;
    return bind(fd, (const struct sockaddr *)address(&name, path, length), sizeof name);
}

int chan_unix_connect(int fd, const char *path, size_t length) {
    struct sockaddr_un name;
    return connect(fd, (const struct sockaddr *)address(&name, path, length), sizeof name);
}

int chan_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

int chan_send_timeout(int fd, uint64_t microseconds) {
    struct timeval limit = {
        .tv_sec = (time_t)(microseconds / 1000000), .tv_usec = (suseconds_t)(microseconds % 1000000)};
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int chan_set_buffer(int fd, int receive, int bytes) {
    return setsockopt(fd, SOL_SOCKET, receive ? SO_RCVBUF : SO_SNDBUF, &bytes, sizeof bytes);
}

int chan_unsent(int fd) {
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -1 : bytes;
}

int chan_unread(int fd) {
    int bytes = 0;
    return ioctl(fd, FIONREAD, &bytes) < 0 ? -1 : bytes;
}

int chan_peer_credentials(int fd, uint32_t *uid, uint32_t *gid, int32_t *pid) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -1;
    *uid = peer.uid;
    *gid = peer.gid;
    *pid = peer.pid;
    return 0;
}

int chan_peer_groups(int fd, uint32_t *groups, uint32_t *bytes) {
    socklen_t size = *bytes;
    int result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size);
    *bytes = size;
    return result;
}

intptr_t chan_send(int fd, const void *bytes, size_t count) { return send(fd, bytes, count, MSG_NOSIGNAL); }

_Static_assert(sizeof(struct chan_piece) == sizeof(struct iovec), "a piece is an iovec");
_Static_assert(offsetof(struct chan_piece, count) == offsetof(struct iovec, iov_len), "a piece is an iovec");

intptr_t chan_sendmsg(int fd, const struct chan_piece *pieces, size_t count) {
    // The kernel only reads the vectors; the structure's pointer is not const for recvmsg's sake.
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = count};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}
