// SPDX-License-Identifier: Apache-2.0

import CChanSystem

/// The system calls this target makes, each by the name an operator would look up.
public enum SystemCall: String, Sendable, Hashable, CaseIterable {
    case accept, bind, chmod, chown, close, connect, dup, eventfd, fcntl, flock, getgroups, getsockopt, ioctl,
        lseek
    case listen, mkdir, mkdtemp, mmap, open, opendir, pipe, poll, prlimit, read, readlink, readv, rename
    case rmtree, send, sendmsg, setsockopt, shutdown, sigaction, signalfd, sigmask, socket, socketpair, stat,
        unlink,
        waitid, waitpid, write
    case epollCreate = "epoll_create"
    case epollCtl = "epoll_ctl"
    case epollWait = "epoll_wait"
    case memfdCreate = "memfd_create"
    case pidfdOpen = "pidfd_open"
    case pidfdSendSignal = "pidfd_send_signal"
    case posixSpawn = "posix_spawn"
    case pthreadCreate = "pthread_create"
    case schedGetAffinity = "sched_getaffinity"
    case schedSetAffinity = "sched_setaffinity"
}

/// Makes one call, or the failure a test has planned for it: the seam that every call goes through.
@inline(__always)
func once<Result: SignedInteger>(_ call: SystemCall, _ body: () -> Result) -> Result {
    if chan_faults_armed() != 0, let forced = SystemFaults.next(call) {
        chan_set_errno(forced)
        return -1
    }
    return body()
}

/// Makes a call again for as long as a signal interrupts it.
@inline(__always)
func retrying<Result: SignedInteger>(_ call: SystemCall, _ body: () -> Result) -> Result {
    while true {
        let result = once(call, body)
        if result != -1 || chan_errno() != SystemError.interrupted { return result }
    }
}

/// Makes a call, again after interruptions, and throws what it fails with.
@inline(__always)
@discardableResult
func checked<Result: SignedInteger>(
    _ call: SystemCall, _ subject: @autoclosure () -> String = "",
    detail: (_ errno: Int32) -> String? = { _ in nil }, body: () -> Result
) throws(SystemError) -> Result {
    let result = retrying(call, body)
    guard result == -1 else { return result }
    let number = chan_errno()
    throw SystemError(errno: number, call: call, subject: subject(), detail: detail(number))
}
