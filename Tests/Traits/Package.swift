// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// A user of the library who asks for all that it can do with other packages: Tests/Scripts/check-traits.
let package = Package(
    name: "traits",
    dependencies: [
        .package(name: "chand", path: "../..", traits: ["ServiceLifecycle", "Logging", "Metrics"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .testTarget(
            name: "TraitsTests",
            dependencies: [
                .product(name: "Channels", package: "chand"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ])
    ]
)
