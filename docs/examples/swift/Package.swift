// swift-tools-version: 6.2
import PackageDescription

// As strict as a package can be about what it imports.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "guest",
    dependencies: [.package(name: "swiftlet", path: "../../..")],
    targets: [
        .executableTarget(
            name: "guest", dependencies: [.product(name: "Swiftlet", package: "swiftlet")], swiftSettings: settings),
        .executableTarget(
            name: "check", dependencies: [.product(name: "Swiftlet", package: "swiftlet")], swiftSettings: settings),
        .testTarget(
            name: "GuestTests",
            dependencies: [
                .product(name: "Swiftlet", package: "swiftlet"), .product(name: "SwiftletTesting", package: "swiftlet"),
            ], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
