// SPDX-License-Identifier: Apache-2.0
//
// Forks and signals of this process, as they are noticed: by handlers that only leave a mark.
#define _GNU_SOURCE
#include "chan_system.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

int32_t chan_forks;

static void count_fork(void) { chan_forks++; }
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

enum { SIGNALS = 65 };
static struct sigaction previous[SIGNALS];
static unsigned char is_watched[SIGNALS];
static unsigned char has_come[SIGNALS];
// Read by the handler of one signal while another is begun to be watched: the descriptor is there before the number of forks.
static int notice_fd = -1;
static int32_t watching_forks;

static int is_function(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static void notice(int number, siginfo_t *info, void *context) {
    int error = errno;
    struct sigaction *before = &previous[number];
    if (is_function(before)) {
        if (before->sa_flags & SA_SIGINFO) before->sa_sigaction(number, info, context);
        else before->sa_handler(number);
    }
    if (chan_fork_count() == __atomic_load_n(&watching_forks, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&has_come[number], 1, __ATOMIC_SEQ_CST);
        uint64_t one = 1;
        // It fails where the counter is at its top, and then it is readable all the same.
        ssize_t written = write(__atomic_load_n(&notice_fd, __ATOMIC_RELAXED), &one, sizeof one);
        (void)written;
    } else if (!is_function(before) && before->sa_handler == SIG_DFL) {
        // A forked child has nobody who could take it; blocked until this returns, it then does what it always did.
        sigaction(number, before, NULL);
        raise(number);
    }
    errno = error;
}

static int is_ours(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == notice;
}

int chan_signal_watch(int number, int fd) {
    // A fault of the program would come again and again where its handler returns.
    int is_fault = number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL;
    if (number < 1 || number >= SIGNALS || is_fault) {
        errno = EINVAL;
        return -1;
    }
    if (is_watched[number]) return 0;
    if (sigaction(number, NULL, &previous[number]) < 0) return -1;
    struct sigaction ours = previous[number];
    if (!is_function(&ours)) {
        ours.sa_flags = SA_RESTART;
        // Children of a process that ignores their end leave nothing behind.
        if (number == SIGCHLD && ours.sa_handler == SIG_IGN) ours.sa_flags |= SA_NOCLDWAIT;
        sigemptyset(&ours.sa_mask);
    }
    ours.sa_flags = (ours.sa_flags | SA_SIGINFO) & ~(int)SA_RESETHAND;
    ours.sa_sigaction = notice;
    __atomic_store_n(&notice_fd, fd, __ATOMIC_RELAXED);
    __atomic_store_n(&watching_forks, chan_fork_count(), __ATOMIC_RELEASE);
    if (sigaction(number, &ours, NULL) < 0) return -1;
    is_watched[number] = 1;
    return 0;
}

int chan_signal_unwatch(int number) {
    struct sigaction now;
    if (sigaction(number, NULL, &now) < 0 || !is_ours(&now)) return 0;
    is_watched[number] = 0;
    sigaction(number, &previous[number], NULL);
    return !is_function(&previous[number]) && previous[number].sa_handler == SIG_DFL;
}

int chan_signal_has_come(int number) { return __atomic_exchange_n(&has_come[number], 0, __ATOMIC_SEQ_CST); }
