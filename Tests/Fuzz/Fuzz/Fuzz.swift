// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import Glibc

/// What `CHAND_FUZZ_TARGET` names.
///
/// Called by one thread, libFuzzer's: hence not isolated.
nonisolated(unsafe) private let fuzzer: Fuzzer = {
    let (name, share) = (variable("CHAND_FUZZ_TARGET"), variable("CHAND_FUZZ_CHECKED"))
    guard let target = name.flatMap(FuzzTarget.init(rawValue:)) else {
        fatalError("CHAND_FUZZ_TARGET is one of \(FuzzTarget.allCases.map(\.rawValue))")
    }
    return Fuzzer(target, checkedShare: share.flatMap(UInt32.init) ?? 1)
}()

private func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    fuzzer.run(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}

#if WITHOUT_COMPARISONS
    // What libFuzzer is told of every comparison takes a fifth of the time, and would help it to find words that the dictionaries
    // and the corpus have. The compiler can't be asked to leave it out, so these are linked in place of libFuzzer's own (--wrap).
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_cmp1") public func compared1(_: UInt8, _: UInt8) {}
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_cmp2") public func compared2(_: UInt16, _: UInt16) {}
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_cmp4") public func compared4(_: UInt32, _: UInt32) {}
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_cmp8") public func compared8(_: UInt64, _: UInt64) {}
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_const_cmp1") public func comparedConstant1(_: UInt8, _: UInt8) {}
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_const_cmp2") public func comparedConstant2(_: UInt16, _: UInt16) {}
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_const_cmp4") public func comparedConstant4(_: UInt32, _: UInt32) {}
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_const_cmp8") public func comparedConstant8(_: UInt64, _: UInt64) {}
    /// Nothing to tell.
    @_cdecl("__wrap___sanitizer_cov_trace_switch") public func switched(_: UInt64, _: UnsafeRawPointer?) {}
#endif
