// SPDX-License-Identifier: Apache-2.0
//
// Child processes, limits, the terminal, and the removal of a directory tree.
#define _GNU_SOURCE
#include "chan_system.h"

#include <link.h>
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int chan_limit_descriptors(uint64_t *soft, uint64_t *hard) {
    struct rlimit64 limit;
    if (prlimit64(0, RLIMIT_NOFILE, NULL, &limit) < 0) return -1;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int chan_set_limit_descriptors(uint64_t soft) {
    struct rlimit64 limit;
    if (prlimit64(0, RLIMIT_NOFILE, NULL, &limit) < 0) return -1;
    limit.rlim_cur = soft;
    return prlimit64(0, RLIMIT_NOFILE, &limit, NULL);
}

int chan_terminal_size(int fd, int *columns, int *rows) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -1;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 0;
}

char **chan_environment(void) { return environ; }

void chan_keep_standard(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        // The lowest number that is free, which is this one: those below it are open by now.
        if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0) return;
    }
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *position) {
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

int chan_remove_tree(const char *path) { return nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS); }

static int spawn_actions(posix_spawn_file_actions_t *actions, const int *fds, int count, const char *directory) {
    int status = 0;
    for (int i = 0; i < count && status == 0; i++) {
        if (fds[i] < 0) status = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
        else status = posix_spawn_file_actions_adddup2(actions, fds[i], i);
    }
    if (status == 0) status = posix_spawn_file_actions_addclosefrom_np(actions, count);
    if (status == 0 && directory) status = posix_spawn_file_actions_addchdir_np(actions, directory);
    return status;
}

static int spawn_attributes(posix_spawnattr_t *attributes, int32_t group) {
    // A child starts with nothing blocked and SIGPIPE as usual, whatever this process has set up for itself.
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (group >= 0 ? POSIX_SPAWN_SETPGROUP : 0);
    int status = posix_spawnattr_setflags(attributes, flags);
    if (status == 0) status = posix_spawnattr_setsigmask(attributes, &none);
    if (status == 0) status = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (status == 0 && group >= 0) status = posix_spawnattr_setpgroup(attributes, group);
    return status;
}

int chan_spawn(int32_t *pid, const char *path, char *const *arguments, char *const *environment,
               const int *fds, int count, const char *directory, int32_t group) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t child = -1;
    int status = posix_spawn_file_actions_init(&actions);
    if (status != 0) return status;
    status = posix_spawnattr_init(&attributes);
    if (status == 0) {
        status = spawn_actions(&actions, fds, count, directory);
        if (status == 0) status = spawn_attributes(&attributes, group);
        if (status == 0) status = posix_spawn(&child, path, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    *pid = child;
    return status;
}

int chan_child_has_ended(int32_t pid, int32_t *code, int32_t *signal) {
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) return -1;
    if (info.si_pid == 0) return 0;
    *(info.si_code == CLD_EXITED ? code : signal) = info.si_status;
    return 1;
}

static int release_segments(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < info->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = (info->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void chan_release_clean_pages(void) { dl_iterate_phdr(release_segments, NULL); }
