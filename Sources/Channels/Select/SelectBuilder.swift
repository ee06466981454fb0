// SPDX-License-Identifier: Apache-2.0

/// Collects the cases of a `select { ... }`.
///
/// An `if` without `else` whose condition is false contributes nothing, as a nil channel in Go; a `for` loop
/// contributes a case each time round.
@resultBuilder
public enum SelectBuilder<Value> {
    /// One case.
    @inlinable
    public static func buildExpression(_ expression: SelectCase<Value>) -> [SelectCase<Value>] {
        [expression]
    }
    /// Cases that were made elsewhere.
    @inlinable
    public static func buildExpression(_ expression: [SelectCase<Value>]) -> [SelectCase<Value>] {
        expression
    }
    /// No case.
    @inlinable
    public static func buildBlock() -> [SelectCase<Value>] { [] }
    /// The first cases of a block.
    @inlinable
    public static func buildPartialBlock(first: [SelectCase<Value>]) -> [SelectCase<Value>] { first }
    /// Cases one after the other.
    @inlinable
    public static func buildPartialBlock(
        accumulated: [SelectCase<Value>], next: [SelectCase<Value>]
    ) -> [SelectCase<Value>] {
        accumulated + next
    }
    /// An `if` without `else`.
    @inlinable
    public static func buildOptional(_ component: [SelectCase<Value>]?) -> [SelectCase<Value>] {
        component ?? []
    }
    /// The first branch of an `if` or `switch`.
    @inlinable
    public static func buildEither(first component: [SelectCase<Value>]) -> [SelectCase<Value>] { component }
    /// The other branches.
    @inlinable
    public static func buildEither(second component: [SelectCase<Value>]) -> [SelectCase<Value>] { component }
    /// A `for` loop.
    @inlinable
    public static func buildArray(_ components: [[SelectCase<Value>]]) -> [SelectCase<Value>] {
        components.flatMap { $0 }
    }
    /// An `if #available`.
    @inlinable
    public static func buildLimitedAvailability(_ component: [SelectCase<Value>]) -> [SelectCase<Value>] {
        component
    }
}
