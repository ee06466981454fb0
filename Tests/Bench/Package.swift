// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// A package of its own, so that only who compares fetches what is compared with.
let package = Package(
    name: "bench",
    dependencies: [
        .package(name: "chand", path: "../..", traits: []),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.4"),
    ],
    targets: [
        .executableTarget(
            name: "near",
            dependencies: [
                .product(name: "Channels", package: "chand"),
                .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
            ],
            path: "Near", exclude: ["near.go"])
    ]
)
