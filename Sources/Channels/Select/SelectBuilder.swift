// SPDX-License-Identifier: Apache-2.0

/// Collects the cases of a `select { ... }`.
///
/// An `if` without `else` whose condition is false contributes nothing, as a nil channel in Go; a `for` loop
/// contributes a case each time round.
@resultBuilder
public enum SelectBuilder<Value> {
    /// One case.
    public static func buildExpression(_ expression: SelectCase<Value>) -> [SelectCase<Value>] {
        [expression]
    }
    /// Cases that were made elsewhere.
    public static func buildExpression(_ expression: [SelectCase<Value>]) -> [SelectCase<Value>] {
        expression
    }
    /// Cases one after the other.
    public static func buildBlock(_ components: [SelectCase<Value>]...) -> [SelectCase<Value>] {
        components.flatMap { $0 }
    }
    /// An `if` without `else`.
    public static func buildOptional(_ component: [SelectCase<Value>]?) -> [SelectCase<Value>] {
        component ?? []
    }
    /// The first branch of an `if` or `switch`.
    public static func buildEither(first component: [SelectCase<Value>]) -> [SelectCase<Value>] { component }
    /// The other branches.
    public static func buildEither(second component: [SelectCase<Value>]) -> [SelectCase<Value>] { component }
    /// A `for` loop.
    public static func buildArray(_ components: [[SelectCase<Value>]]) -> [SelectCase<Value>] {
        components.flatMap { $0 }
    }
    /// An `if #available`.
    public static func buildLimitedAvailability(_ component: [SelectCase<Value>]) -> [SelectCase<Value>] {
        component
    }
}
