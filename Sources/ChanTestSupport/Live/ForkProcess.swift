// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Forks: 0 in the child, its number in the parent.
///
/// Swift hides `fork`, and rightly so; the C library has it all the same. The test library notes where errors are thrown, under a
/// lock that another thread may have had: in the child it hears of none, or a throw there would wait for ever.
public func forkProcess() throws -> Int32 {
    guard let symbol = dlsym(nil, "fork") else { throw LiveFailure("there is no fork") }
    let hooks = [dlsym(nil, "_swift_willThrow"), dlsym(nil, "_swift_willThrowTypedImpl")].compactMap { $0 }
    // The symbol's type is the C library's: no arguments, a process number.
    let child = unsafeBitCast(symbol, to: (@convention(c) () -> Int32).self)()
    if child == 0 {
        for hook in hooks { hook.storeBytes(of: 0, as: Int.self) }
    }
    return child
}
