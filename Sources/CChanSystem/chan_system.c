// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "chan_system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

// Newer than the headers of Debian 12; the kernel answers ENOPROTOOPT where it does not know it.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int32_t chan_fault_plans;
static __thread void *current_plan;

void chan_faults_count(int32_t change) { __atomic_fetch_add(&chan_fault_plans, change, __ATOMIC_RELAXED); }
void *chan_faults_current(void) { return current_plan; }
void chan_faults_set_current(void *plan) { current_plan = plan; }

int chan_errno(void) { return errno; }
void chan_set_errno(int value) { errno = value; }
const char *chan_error_text(int value) { return strerrordesc_np(value); }

int chan_open(const char *path, int flags, uint32_t mode) { return open(path, flags | O_CLOEXEC, mode); }
int chan_duplicate(int fd, int lowest) { return fcntl(fd, F_DUPFD_CLOEXEC, lowest); }

int chan_set_non_blocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int chan_pipe(int fds[2], int non_blocking) { return pipe2(fds, O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0)); }
int chan_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
int chan_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }

void *chan_map_shared(int fd, size_t bytes) {
    if (ftruncate(fd, (off_t)bytes) < 0) return NULL;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return start == MAP_FAILED ? NULL : start;
}

static void signal_set(sigset_t *set, const int *signals, int count) {
    sigemptyset(set);
    for (int i = 0; i < count; i++) sigaddset(set, signals[i]);
}

int chan_signalfd(const int *signals, int count) {
    sigset_t set;
    signal_set(&set, signals, count);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int chan_signalfd_next(int fd, int32_t *signal, int32_t *is_kernels, int32_t *pid, uint32_t *uid) {
    struct signalfd_siginfo info;
    ssize_t count = read(fd, &info, sizeof info);
    if (count < 0) return -1;
    *signal = (int32_t)info.ssi_signo;
    *is_kernels = info.ssi_code == SI_KERNEL;
    *pid = (int32_t)info.ssi_pid;
    *uid = info.ssi_uid;
    return 0;
}

int chan_signals_mask(const int *signals, int count, int block) {
    sigset_t set;
    signal_set(&set, signals, count);
    int status = pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    if (status == 0) return 0;
    errno = status;
    return -1;
}

int chan_ignore_sigpipe(void) { return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0; }

int chan_thread_pin(int32_t thread, const int *processors, int count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++) CPU_SET(processors[i], &set);
    return sched_setaffinity(thread, sizeof set, &set);
}

int chan_processors(int *out, int capacity) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) < 0) return -1;
    int count = 0;
    for (int i = 0; i < CPU_SETSIZE && count < capacity; i++)
        if (CPU_ISSET(i, &set)) out[count++] = i;
    return count;
}

void chan_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

static uint32_t to_epoll(uint32_t interest) {
    return (interest & CHAN_READ ? EPOLLIN | EPOLLRDHUP : 0) | (interest & CHAN_WRITE ? EPOLLOUT : 0);
}

static uint32_t from_epoll(uint32_t events) {
    return (events & EPOLLIN ? CHAN_READ : 0) | (events & EPOLLOUT ? CHAN_WRITE : 0)
        | (events & EPOLLHUP ? CHAN_HANGUP : 0) | (events & EPOLLERR ? CHAN_ERROR : 0)
        | (events & EPOLLRDHUP ? CHAN_PEER_CLOSED : 0);
}

static int epoll_change(int poll, int operation, int fd, uint64_t token, uint32_t interest) {
    struct epoll_event event = {.events = to_epoll(interest), .data.u64 = token};
    return epoll_ctl(poll, operation, fd, &event);
}

int chan_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
int chan_epoll_add(int poll, int fd, uint64_t token, uint32_t interest) {
    return epoll_change(poll, EPOLL_CTL_ADD, fd, token, interest);
}
int chan_epoll_modify(int poll, int fd, uint64_t token, uint32_t interest) {
    return epoll_change(poll, EPOLL_CTL_MOD, fd, token, interest);
}
int chan_epoll_remove(int poll, int fd) { return epoll_change(poll, EPOLL_CTL_DEL, fd, 0, 0); }

static int wait_nanoseconds(int poll, struct epoll_event *events, int capacity, int64_t timeout) {
    static int no_pwait2;
    if (timeout <= 0) return epoll_wait(poll, events, capacity, timeout < 0 ? -1 : 0);
    if (!__atomic_load_n(&no_pwait2, __ATOMIC_RELAXED)) {
        struct timespec limit = {.tv_sec = timeout / 1000000000, .tv_nsec = timeout % 1000000000};
        int count = epoll_pwait2(poll, events, capacity, &limit, NULL);
        // EPERM is what seccomp filters of old container run-times answer for calls they do not know.
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
        __atomic_store_n(&no_pwait2, 1, __ATOMIC_RELAXED);
    }
    int64_t milliseconds = timeout / 1000000 + (timeout % 1000000 != 0);
    return epoll_wait(poll, events, capacity, milliseconds > INT_MAX ? INT_MAX : (int)milliseconds);
}

int chan_epoll_wait(int poll, struct chan_event *out, int capacity, int64_t timeout_nanoseconds) {
    // On the stack, so that the kernel's packed layout stays in this file; the rest comes at the next call.
    struct epoll_event events[256];
    if (capacity > 256) capacity = 256;
    int count = wait_nanoseconds(poll, events, capacity, timeout_nanoseconds);
    for (int i = 0; i < count; i++)
        out[i] = (struct chan_event){.token = events[i].data.u64, .flags = from_epoll(events[i].events)};
    return count;
}

int chan_poll_one(int fd, uint32_t interest, int64_t timeout_nanoseconds, uint32_t *ready) {
    struct pollfd one = {.fd = fd, .events = (short)to_epoll(interest)};
    struct timespec limit = {.tv_sec = timeout_nanoseconds / 1000000000, .tv_nsec = timeout_nanoseconds % 1000000000};
    int count = ppoll(&one, 1, timeout_nanoseconds < 0 ? NULL : &limit, NULL);
    if (count > 0 && one.revents & POLLNVAL) {
        errno = EBADF;
        return -1;
    }
    *ready = count > 0 ? from_epoll((uint32_t)one.revents) : 0;
    return count;
}

int chan_pidfd_open(int32_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int chan_pidfd_send_signal(int fd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}

int chan_peer_pidfd(int fd) {
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 ? -1 : pidfd;
}
