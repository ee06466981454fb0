// SPDX-License-Identifier: Apache-2.0
//
// Tells the thread sanitizer what Swift's runtime (6.3 on Linux) does not: that a task which finds its continuation
// resumed already, and so never sleeps, comes after the one who resumed it. Without, whatever the task then reads of
// what was put there for it is reported, some thirty times in a run of the suite.
//
// Preloaded into every process of a run; in one without Swift or the sanitizer nothing of this is called.
#define _GNU_SOURCE
#include <dlfcn.h>

struct context;
typedef __attribute__((swiftasynccall)) void resume_function(__attribute__((swift_async_context)) struct context *);
// The beginning of the runtime's AsyncContext and ContinuationAsyncContext, whose layout is ABI.
struct context {
    struct context *parent;
    resume_function *resume;
};

void __tsan_acquire(void *) __attribute__((weak));
void __tsan_release(void *) __attribute__((weak));
void *swift_task_getCurrent(void) __attribute__((weak, swiftcall));

static __thread resume_function *resume_original;

// The runtime calls this in place of the task's own function, on the same thread, where it was resumed already. One
// that has to sleep is not called through its context, and its task's queueing has edges of its own.
static __attribute__((swiftasynccall)) void resumed(__attribute__((swift_async_context)) struct context *context) {
    resume_function *original = resume_original;
    context->resume = original;
    __tsan_acquire(swift_task_getCurrent());
    __attribute__((musttail)) return original(context);
}

__attribute__((swiftasynccall)) void swift_continuation_await(struct context *context) {
    static __attribute__((swiftasynccall)) void (*next)(struct context *);
    if (!next) next = (__attribute__((swiftasynccall)) void (*)(struct context *))dlsym(RTLD_NEXT, __func__);
    if (__tsan_acquire) {
        resume_original = context->resume;
        context->resume = resumed;
    }
    __attribute__((musttail)) return next(context);
}

__attribute__((swiftcall)) void swift_continuation_resume(void *task) {
    static __attribute__((swiftcall)) void (*next)(void *);
    if (!next) next = (__attribute__((swiftcall)) void (*)(void *))dlsym(RTLD_NEXT, __func__);
    if (__tsan_release) __tsan_release(task);
    next(task);
}

__attribute__((swiftcall)) void swift_continuation_throwingResume(void *task) {
    static __attribute__((swiftcall)) void (*next)(void *);
    if (!next) next = (__attribute__((swiftcall)) void (*)(void *))dlsym(RTLD_NEXT, __func__);
    if (__tsan_release) __tsan_release(task);
    next(task);
}

__attribute__((swiftcall)) void swift_continuation_throwingResumeWithError(void *task, void *error) {
    static __attribute__((swiftcall)) void (*next)(void *, void *);
    if (!next) next = (__attribute__((swiftcall)) void (*)(void *, void *))dlsym(RTLD_NEXT, __func__);
    if (__tsan_release) __tsan_release(task);
    next(task, error);
}
