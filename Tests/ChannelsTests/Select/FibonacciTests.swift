// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

/// The select of Go's tour is not longer here than there, and does the same.
@Suite struct FibonacciTests {
    /// The original, from https://go.dev/tour/concurrency/5 there.
    private static let go = """
        package main

        import "fmt"

        func fibonacci(c, quit chan int) {
        	x, y := 0, 1
        	for {
        		select {
        		case c <- x:
        			x, y = y, x+y
        		case <-quit:
        			fmt.Println("quit")
        			return
        		}
        	}
        }

        func main() {
        	c := make(chan int)
        	quit := make(chan int)
        	go func() {
        		for i := 0; i < 10; i++ {
        			fmt.Println(<-c)
        		}
        		quit <- 0
        	}()
        	fibonacci(c, quit)
        }
        """

    /// Lines that are neither empty nor a comment.
    private static func lines(of text: String) -> Int {
        text.split(separator: "\n").map { $0.drop(while: \.isWhitespace) }.count {
            !$0.isEmpty && !$0.hasPrefix("//")
        }
    }

    @Test func itIsNotLongerThanInGo() throws {
        let swift = try #require(Transcript.read("Examples/Fibonacci/main.swift"))
        #expect(Self.lines(of: swift) <= Self.lines(of: Self.go))
        #expect(Self.lines(of: swift) > 10)
    }

    @Test func itDoesTheSame() async throws {
        let lines = try await onThread { try outputLines(of: "fibonacci") }
        #expect(lines == ["0", "1", "1", "2", "3", "5", "8", "13", "21", "34", "quit"])
    }
}
