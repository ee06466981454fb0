// SPDX-License-Identifier: Apache-2.0
//
// What Swift's Glibc module lacks: calls that need _GNU_SOURCE, variadic calls and structures with unions.
// Every function returns what its system call returns (-1 with errno, or an errno where so said); the policy
// (retries, errors, ownership) is in the Swift target ChanSystem, the only importer.
#ifndef CHAN_SYSTEM_H
#define CHAN_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

// Forced errors: how many plans exist in the process. Relaxed, because a plan concerns its own thread.
extern int32_t chan_fault_plans;
static inline int32_t chan_faults_armed(void) { return __atomic_load_n(&chan_fault_plans, __ATOMIC_RELAXED); }
void chan_faults_count(int32_t change);
void *chan_faults_current(void);
void chan_faults_set_current(void *plan);

int chan_errno(void);
void chan_set_errno(int value);
const char *chan_error_text(int value);

// Descriptors.
int chan_open(const char *path, int flags, uint32_t mode);
int chan_duplicate(int fd, int lowest);
int chan_set_non_blocking(int fd, int on);
int chan_pipe(int fds[2], int non_blocking);
int chan_eventfd(void);
int chan_memory_file(const char *name);
void *chan_map_shared(int fd, size_t bytes);
int chan_signalfd(const int *signals, int count);
int chan_signalfd_next(int fd, int32_t *signal, int32_t *is_kernels, int32_t *pid, uint32_t *uid);
int chan_signals_mask(const int *signals, int count, int block);
int chan_ignore_sigpipe(void);
// Noticing signals without blocking them: a handler marks the number and makes the eventfd readable; one that was there
// before is called first. For one thread at a time; has_come takes the mark away. Unwatch returns 1 where the default
// action is in force again.
int chan_signal_watch(int number, int fd);
int chan_signal_unwatch(int number);
int chan_signal_has_come(int number);

// Unix sockets. The caller has checked that the path fits (chan_unix_path_limit bytes, without the NUL).
size_t chan_unix_path_limit(void);
int chan_unix_socket(int non_blocking);
int chan_unix_pair(int fds[2], int non_blocking);
int chan_unix_bind(int fd, const char *path, size_t length);
int chan_unix_connect(int fd, const char *path, size_t length);
int chan_accept(int fd);
int chan_send_timeout(int fd, uint64_t microseconds);
int chan_set_buffer(int fd, int receive, int bytes);
int chan_unsent(int fd);
int chan_unread(int fd);
int chan_peer_credentials(int fd, uint32_t *uid, uint32_t *gid, int32_t *pid);
int chan_peer_groups(int fd, uint32_t *groups, uint32_t *bytes);
int chan_peer_pidfd(int fd);
int chan_pidfd_open(int32_t pid);
int chan_pidfd_send_signal(int fd, int signal);
intptr_t chan_send(int fd, const void *bytes, size_t count);
// Laid out as struct iovec, whose header would make the type belong to this module or to Glibc by turns.
struct chan_piece {
    const void *bytes;
    size_t count;
};
intptr_t chan_sendmsg(int fd, const struct chan_piece *pieces, size_t count);

// epoll. Interest and readiness are the bits below, whatever the kernel's own numbers.
enum { CHAN_READ = 1, CHAN_WRITE = 2, CHAN_HANGUP = 4, CHAN_ERROR = 8, CHAN_PEER_CLOSED = 16 };
struct chan_event {
    uint64_t token;
    uint32_t flags;
    uint32_t padding;
};
int chan_epoll_create(void);
int chan_epoll_add(int poll, int fd, uint64_t token, uint32_t interest);
int chan_epoll_modify(int poll, int fd, uint64_t token, uint32_t interest);
int chan_epoll_remove(int poll, int fd);
int chan_epoll_wait(int poll, struct chan_event *out, int capacity, int64_t timeout_nanoseconds);
int chan_poll_one(int fd, uint32_t interest, int64_t timeout_nanoseconds, uint32_t *ready);

/* Between two looks at what another processor may change. */
static inline void chan_processor_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// How often the process has been forked off since it was started: another number in a child than in its parent.
extern int32_t chan_forks;
static inline int32_t chan_fork_count(void) { return __atomic_load_n(&chan_forks, __ATOMIC_RELAXED); }

// Threads and processes.
void chan_thread_name(const char *name);
// Of a thread by its number, 0 for the calling one.
int chan_thread_pin(int32_t thread, const int *processors, int count);
int chan_processors(int *out, int capacity);
int chan_limit_descriptors(uint64_t *soft, uint64_t *hard);
int chan_set_limit_descriptors(uint64_t soft);
int chan_terminal_size(int fd, int *columns, int *rows);
char **chan_environment(void);
// Puts /dev/null in the place of standard streams that are closed, so that using them still fails.
void chan_keep_standard(void);
int chan_remove_tree(const char *path);
// Whether a child has ended, which does not reap it: 1 with its exit code, or the signal that ended it; else 0.
int chan_child_has_ended(int32_t pid, int32_t *code, int32_t *signal);
// Returns an errno. Child descriptor i is a copy of fds[i]; -1 means /dev/null; all others are closed. The process
// group is 0 for a new one, -1 for ours.
int chan_spawn(int32_t *pid, const char *path, char *const *arguments, char *const *environment,
               const int *fds, int count, const char *directory, int32_t group);

/* Lets the kernel take back the pages of program and libraries that were never written; they come back from the
   page cache on demand. */
void chan_release_clean_pages(void);

#endif
