// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// A package of its own, since libFuzzer brings the only main that may be there.
let package = Package(
    name: "fuzz",
    dependencies: [.package(name: "chand", path: "../..", traits: [])],
    targets: [
        .executableTarget(
            name: "chand-fuzz", dependencies: [.product(name: "_ChanFuzzing", package: "chand")], path: "Fuzz"
        )
    ],
    cxxLanguageStandard: .cxx17
)
