// SPDX-License-Identifier: Apache-2.0

/// A channel that receives the time once, when so much has passed; it is never closed.
public func after(_ duration: Duration) -> Chan<ContinuousClock.Instant>.Receiver {
    let (receiver, feed) = Feed.make(of: ContinuousClock.Instant.self)
    Task.detached {
        try? await Task.sleep(for: duration)
        feed.offer(.now)
    }
    return receiver
}

/// A channel that receives the time again and again, for as long as somebody holds it; it is never closed.
///
/// It keeps one element: who is slow misses ticks, as in Go.
///
/// - Parameter period: above zero.
public func tick(every period: Duration) -> Chan<ContinuousClock.Instant>.Receiver {
    precondition(period > .zero, "a tick every \(period)")
    let (receiver, feed) = Feed.make(of: ContinuousClock.Instant.self)
    Task.detached {
        var next = ContinuousClock.now
        repeat {
            next += period
            try? await Task.sleep(until: next, clock: .continuous)
        } while feed.offer(.now)
    }
    return receiver
}

/// A channel from which nothing ever comes: Go's nil channel.
public func never<Element: Sendable>(of type: Element.Type = Element.self) -> Chan<Element>.Receiver {
    // Nobody else has it, so nobody sends on it.
    Chan<Element>().receiver
}
