// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]
let strictCxx: [CXXSetting] = [.treatAllWarnings(as: .error)]

/// The tool's dependency: users of `Channels` alone turn the trait off and fetch nothing.
let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser",
    condition: .when(traits: ["Daemon"]))

/// What the library can do for users who ask for it by a trait; all others fetch none of it.
let observing: [Target.Dependency] = [
    .product(
        name: "ServiceLifecycle", package: "swift-service-lifecycle",
        condition: .when(traits: ["ServiceLifecycle"])),
    .product(name: "Logging", package: "swift-log", condition: .when(traits: ["Logging"])),
    .product(name: "CoreMetrics", package: "swift-metrics", condition: .when(traits: ["Metrics"])),
]

let package = Package(
    name: "chand",
    products: [
        .library(name: "Channels", targets: ["Channels"]),
        .executable(name: "chand", targets: ["chand"]),
        .executable(name: "chanctl", targets: ["chanctl"]),
        // What the fuzz package drives; no API, no promise.
        .library(name: "_ChanFuzzing", targets: ["ChanFuzzing"]),
    ],
    traits: [
        .trait(name: "Daemon", description: "The daemon and chanctl, with what they depend on."),
        .trait(name: "ServiceLifecycle", description: "ChandClient is a service of a ServiceGroup."),
        .trait(
            name: "Logging", description: "ChandClient.log(to:): what happens to a connection, for swift-log."
        ),
        .trait(name: "Metrics", description: "ChandClient.measure(): what a client does, for swift-metrics."),
        .default(enabledTraits: ["Daemon"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .target(name: "ChanCore", swiftSettings: strict),
        .target(name: "ChanWire", swiftSettings: strict),
        .target(name: "CChanSystem", cSettings: strictC),
        .target(name: "ChanSystem", dependencies: ["CChanSystem"], swiftSettings: strict),
        .target(name: "CToml", cxxSettings: strictCxx),
        .target(name: "ChandConfig", dependencies: ["CToml", "ChanSystem"], swiftSettings: strict),
        .systemLibrary(
            name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .target(name: "Systemd", dependencies: ["CSystemd", "ChanSystem"], swiftSettings: strict),
        .target(
            name: "ChandServer",
            dependencies: ["ChanCore", "ChanWire", "ChanSystem", "ChandConfig", "Systemd"],
            // A quarter of the loop's instructions were checks of the loop thread against itself; debug builds keep them.
            swiftSettings: strict + [
                .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
            ]),
        .executableTarget(
            name: "chand", dependencies: ["ChandServer", "ChandConfig", "ChanSystem"], swiftSettings: strict),
        .target(
            name: "Channels", dependencies: ["ChanWire", "ChanSystem", "ChanCore"] + observing,
            swiftSettings: strict),
        .executableTarget(
            name: "chanctl", dependencies: ["Channels", "ChanSystem", "ChandConfig", argumentParser],
            swiftSettings: strict),
        .executableTarget(
            name: "sieve-processes", dependencies: ["Channels", "ChanSystem"],
            path: "Examples/SieveProcesses", swiftSettings: strict),
        .executableTarget(
            name: "throughput", dependencies: ["Channels", "ChanSystem"], path: "Examples/Throughput",
            swiftSettings: strict),
        .executableTarget(
            name: "awaitchannel", dependencies: ["Channels", "ChanSystem"], path: "Examples/Awaitchannel",
            swiftSettings: strict),
        .executableTarget(
            name: "fibonacci", dependencies: ["Channels"], path: "Examples/Fibonacci", swiftSettings: strict),
        .executableTarget(
            name: "sieve", dependencies: ["Channels"], path: "Examples/Sieve", swiftSettings: strict),
        .executableTarget(
            name: "worker-pool", dependencies: ["Channels"], path: "Examples/WorkerPool",
            swiftSettings: strict),
        .executableTarget(
            name: "select-loop", dependencies: ["Channels"], path: "Examples/SelectLoop",
            swiftSettings: strict),
        .target(
            name: "ChanTestSupport",
            dependencies: ["ChanCore", "ChanWire", "ChanSystem", "ChandConfig", "ChandServer", "Channels"],
            swiftSettings: strict),
        // Apart from the other support, which brings the client library: fuzzing builds little, and often.
        .target(
            name: "ChanFuzzing", dependencies: ["ChanCore", "ChanWire", "ChandConfig", "ChandServer"],
            swiftSettings: strict),
        // Bodies with #expect, written once and run by other test targets on several backends.
        .testTarget(name: "Conformance", dependencies: [], swiftSettings: strict),
        .testTarget(
            name: "ChanCoreTests",
            dependencies: ["ChanCore", "ChanSystem", "ChanTestSupport", "Conformance"],
            swiftSettings: strict),
        .testTarget(
            name: "ChanWireTests", dependencies: ["ChanFuzzing", "ChanTestSupport", "ChanWire"],
            swiftSettings: strict),
        .testTarget(
            name: "ChannelsTests",
            dependencies: [
                "Channels", "ChanTestSupport", "ChanCore", "ChanWire", "ChanSystem", "Conformance",
                "awaitchannel", "chand", "chand-snippets", "chand-test-agent", "fibonacci",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "chand-snippets", dependencies: ["Channels"], path: "Tests/Snippets", swiftSettings: strict),
        .testTarget(
            name: "ChanSystemTests", dependencies: ["ChanSystem", "ChanTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "ChandServerTests",
            dependencies: ["ChandServer", "ChandConfig", "ChanFuzzing", "ChanSystem", "ChanTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ChandConfigTests",
            dependencies: ["ChandConfig", "Systemd", "ChanSystem", "ChanTestSupport"],
            swiftSettings: strict),
        .executableTarget(
            name: "chand-test-agent",
            dependencies: [
                "Channels", "ChanTestSupport", "ChanSystem", "ChanWire", "ChandConfig", "ChandServer",
            ],
            path: "Tests/Agent", swiftSettings: strict),
        .executableTarget(
            name: "chand-search", dependencies: ["ChanTestSupport", "ChanSystem"], path: "Tests/Search",
            swiftSettings: strict),
        .executableTarget(
            name: "chand-guard", dependencies: ["Channels"], path: "Tests/Guard",
            exclude: ["check", "thresholds"], swiftSettings: strict),
        .testTarget(
            name: "DaemonTests",
            dependencies: [
                "ChanTestSupport", "Conformance", "ChanWire", "ChanSystem", "chand", "chand-test-agent",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ChanctlTests",
            dependencies: ["ChanTestSupport", "ChanSystem", "ChandConfig", "chand", "chanctl"],
            swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)

// What makes the documentation is fetched for that only: `make docs`.
if Context.environment["CHAND_DOCS"] != nil {
    package.dependencies.append(
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
