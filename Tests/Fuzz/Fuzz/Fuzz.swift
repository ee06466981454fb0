// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import Glibc

/// What `CHAND_FUZZ_TARGET` names.
private let target: FuzzTarget = {
    guard let name = getenv("CHAND_FUZZ_TARGET").map({ String(cString: $0) }),
        let target = FuzzTarget(rawValue: name)
    else { fatalError("CHAND_FUZZ_TARGET is one of \(FuzzTarget.allCases.map(\.rawValue))") }
    return target
}()

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    target.run(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}
