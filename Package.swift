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

/// The daemon's and the tools' dependencies: users of `Channels` alone turn the trait off and fetch nothing.
let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser",
    condition: .when(traits: ["Daemon"]))

let package = Package(
    name: "chand",
    products: [
        .library(name: "Channels", targets: ["Channels"]),
        .executable(name: "chand", targets: ["chand"]),
        .executable(name: "chanctl", targets: ["chanctl"]),
        // What the fuzz and soak packages drive; no API, no promise.
        .library(
            name: "_ChandInternals",
            targets: ["ChanCore", "ChanWire", "ChanSystem", "ChandConfig", "ChandServer", "ChanTestSupport"]),
    ],
    traits: [
        .trait(name: "Daemon", description: "The daemon and chanctl, with what they depend on."),
        .default(enabledTraits: ["Daemon"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
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
            swiftSettings: strict),
        .executableTarget(
            name: "chand", dependencies: ["ChandServer", "ChandConfig", argumentParser],
            swiftSettings: strict),
        .target(
            name: "Channels", dependencies: ["ChanWire", "ChanSystem", "ChanCore"],
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
            name: "awaitchannel", dependencies: ["Channels"], path: "Examples/Awaitchannel",
            swiftSettings: strict),
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
        // Bodies with #expect, written once and run by other test targets on several backends.
        .testTarget(name: "Conformance", dependencies: [], swiftSettings: strict),
        .testTarget(
            name: "ChanCoreTests",
            dependencies: ["ChanCore", "ChanSystem", "ChanTestSupport", "Conformance"],
            swiftSettings: strict),
        .testTarget(
            name: "ChanWireTests", dependencies: ["ChanWire", "ChanTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "ChannelsTests",
            dependencies: [
                "Channels", "ChanTestSupport", "ChanCore", "ChanWire", "ChanSystem", "Conformance",
                "awaitchannel", "chand", "chand-test-agent",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ChanSystemTests", dependencies: ["ChanSystem", "ChanTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "ChandServerTests", dependencies: ["ChandServer", "ChandConfig", "ChanSystem"],
            swiftSettings: strict),
        .testTarget(
            name: "ChandConfigTests",
            dependencies: ["ChandConfig", "Systemd", "ChanSystem", "ChanTestSupport"],
            swiftSettings: strict),
        .executableTarget(
            name: "chand-test-agent",
            dependencies: ["Channels", "ChanTestSupport", "ChanSystem", "ChanWire"],
            path: "Tests/Agent", swiftSettings: strict),
        .executableTarget(
            name: "chand-search", dependencies: ["ChanTestSupport", "ChanSystem"], path: "Tests/Search",
            swiftSettings: strict),
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
