// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "swiftlet",
    products: [
        .executable(name: "swiftlet", targets: ["SwiftletCommand"]),
        .library(name: "Swiftlet", targets: ["Swiftlet"]),
        .library(name: "SwiftletTesting", targets: ["SwiftletTesting"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .executableTarget(
            name: "SwiftletCommand",
            dependencies: [
                "Agent", "Boot", "CLinux", "Control", "ControlGroups", "ControlMessages", "Devices", "KVM",
                "KernelStore", "Linux", "Machine", "MachineConfiguration", "Network", "RuntimeDirectory", "Virtio",
                "Worker",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "Swiftlet",
            dependencies: [
                "CLinux", "ControlMessages", "Linux", "MachineConfiguration",
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(name: "SwiftletTesting", dependencies: ["Swiftlet"]),
        .target(
            name: "Control",
            dependencies: [
                "Agent", "Boot", "CLinux", "ControlGroups", "ControlMessages", "Devices", "GuestMemory", "GuestRoot",
                "KVM",
                "Linux", "Machine", "MachineConfiguration", "Network", "Storage", "TreeStream", "Virtio", "Worker",
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "ControlGroups",
            dependencies: [
                "Linux", "MachineConfiguration", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(name: "ControlMessages", dependencies: ["MachineConfiguration"]),
        .target(
            name: "Worker",
            dependencies: ["Agent", "GuestRoot", "Linux", "Machine", "MachineConfiguration", "Network"]),
        .target(
            name: "Machine",
            dependencies: [
                "Agent", "AgentImage", "Boot", "CLinux", "Devices", "GuestMemory", "GuestRoot", "KVM", "Linux",
                "MachineConfiguration", "Network", "PCI",
                "Storage", "Virtio",
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "Devices",
            dependencies: [
                "CLinux", "GuestMemory", "Linux", "MachineConfiguration", "Network", "Storage", "Virtio",
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "Agent",
            dependencies: [
                "CLinux", "Linux", "MachineConfiguration", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(name: "AgentImage"),
        .target(name: "Virtio", dependencies: ["CLinux", "GuestMemory", "Linux", "PCI"]),
        .target(name: "PCI", dependencies: ["Linux"]),
        .target(
            name: "Storage",
            dependencies: ["CLinux", "CURing", "Linux", .product(name: "SystemPackage", package: "swift-system")]),
        .target(
            name: "Network",
            dependencies: [
                "CLinux", "Linux", "MachineConfiguration", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "Boot",
            dependencies: [
                "GuestMemory", "Linux", "MachineConfiguration", "CNettle", "CLZ4", "CLZMA", "CZlib", "CZstd",
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "GuestMemory",
            dependencies: [
                "Linux", "MachineConfiguration", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(name: "MachineConfiguration"),
        .target(
            name: "KernelStore",
            dependencies: ["Archives", "Boot", "Linux", .product(name: "SystemPackage", package: "swift-system")]),
        .target(name: "TreeStream", dependencies: ["CTreeStream"]),
        .target(
            name: "RuntimeDirectory",
            dependencies: ["CLinux", "Linux", .product(name: "SystemPackage", package: "swift-system")]),
        .target(
            name: "GuestRoot",
            dependencies: [
                "Archives", "Boot", "CLinux", "Linux", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(name: "Archives", dependencies: ["CArchive"]),
        .target(
            name: "KVM", dependencies: ["CLinux", "Linux", .product(name: "SystemPackage", package: "swift-system")]),
        .target(
            name: "Linux",
            dependencies: ["CLinux", .product(name: "SystemPackage", package: "swift-system")]),

        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CTreeStream"),
        .systemLibrary(name: "CURing", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CLZMA", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),

        .testTarget(name: "LinuxTests", dependencies: ["Linux", "CLinux"]),
        .testTarget(name: "KVMTests", dependencies: ["KVM", "CLinux", "GuestMemory", "Linux"]),
        .testTarget(
            name: "VirtioTests",
            dependencies: ["CLinux", "GuestMemory", "Linux", "PCI", "Virtio", "VirtioTesting"]),
        .target(
            name: "VirtioTesting", dependencies: ["CLinux", "GuestMemory", "Linux", "Virtio"],
            path: "Tests/VirtioTesting"),
        .testTarget(name: "GuestMemoryTests", dependencies: ["GuestMemory", "MachineConfiguration"]),
        .testTarget(
            name: "BootTests",
            dependencies: ["Boot", "GuestMemory", "Linux", "MachineConfiguration", "CLZ4", "CLZMA", "CZlib", "CZstd"]),
        .testTarget(name: "ControlGroupsTests", dependencies: ["ControlGroups", "Linux", "MachineConfiguration"]),
        .testTarget(
            name: "ControlTests", dependencies: ["Agent", "CLinux", "Control", "ControlMessages", "Linux", "Machine"]),
        .testTarget(
            name: "MachineTests",
            dependencies: [
                "CLinux", "Devices", "Machine", "MachineConfiguration", "KVM", "Linux", "Network", "PCI",
                "TemporaryFiles",
            ]),
        .testTarget(
            name: "DevicesTests",
            dependencies: [
                "AllocationCounter", "CLinux", "Devices", "GuestMemory", "Linux", "MachineConfiguration", "Network",
                "Storage", "Virtio", "VirtioTesting", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .testTarget(
            name: "AgentTests", dependencies: ["Agent", "CLinux", "Linux", "MachineConfiguration", "TemporaryFiles"]),
        .testTarget(name: "RuntimeDirectoryTests", dependencies: ["Linux", "RuntimeDirectory", "TemporaryFiles"]),
        .testTarget(name: "TreeStreamTests", dependencies: ["TemporaryFiles", "TreeStream"]),
        .testTarget(name: "ArchivesTests", dependencies: ["Archives", "TemporaryFiles"]),
        .testTarget(
            name: "GuestRootTests",
            dependencies: ["Archives", "Boot", "CLinux", "GuestRoot", "Linux", "TemporaryFiles"]),
        .testTarget(name: "KernelStoreTests", dependencies: ["Boot", "KernelStore", "TemporaryFiles"]),
        .target(name: "TemporaryFiles", path: "Tests/TemporaryFiles"),
        .testTarget(name: "StorageTests", dependencies: ["CLinux", "Linux", "Storage"]),
        .testTarget(name: "NetworkTests", dependencies: ["CLinux", "Linux", "MachineConfiguration", "Network"]),
        .testTarget(name: "PCITests", dependencies: ["PCI", "Linux"]),
        .testTarget(
            name: "SwiftletCommandTests",
            dependencies: [
                "Agent", "CLinux", "Devices", "Linux", "Machine", "MachineConfiguration", "Network", "SwiftletCommand",
                "TemporaryFiles", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .testTarget(
            name: "SwiftletTests",
            dependencies: [
                "ControlMessages", "Linux", "ProcessTable", "Swiftlet", "SwiftletTesting", "TemporaryFiles",
            ]),
        .target(name: "ProcessTable", path: "Tests/ProcessTable"),
        .executableTarget(name: "embedder", dependencies: ["ProcessTable", "Swiftlet"], path: "Tests/embedder"),
        .testTarget(name: "PayloadTests", dependencies: ["CLinux", "Linux", "TemporaryFiles"], exclude: ["Clients"]),
        .testTarget(name: "LabTests", exclude: ["Guests"]),

        .executableTarget(
            name: "lab",
            dependencies: [
                "Boot", "CLinux", "HeldMachine", "Linux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/lab", exclude: ["rules.mk", "sources.sh", "HeldMachine"]),
        .target(name: "HeldMachine", path: "Tests/lab/HeldMachine"),
    ],
    swiftLanguageModes: [.v6]
)

// Fuzzing: everything instrumented, and linked with libFuzzer, whose archive the variable names.
if let library = Context.environment["SWIFTLET_FUZZER"] {
    for target in package.targets where [.regular, .executable].contains(target.type) {
        target.swiftSettings = [.unsafeFlags(["-sanitize=fuzzer"])]
    }
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "CFuzzer", "CLinux", "Devices", "GuestMemory", "Linux", "MachineConfiguration", "Network", "PCI",
                "Storage", "Virtio", "VirtioTesting",
            ],
            path: "Tests/fuzz", exclude: ["CFuzzer", "seeds", "rules.mk"],
            swiftSettings: [.unsafeFlags(["-sanitize=fuzzer"])],
            linkerSettings: [.unsafeFlags([library, "-lstdc++", "-lm"])]))
    package.targets.append(.systemLibrary(name: "CFuzzer", path: "Tests/fuzz/CFuzzer"))
}

// Tests of what the optimiser has to do, without those that need not be compiled a second time for that.
if Context.environment["SWIFTLET_OPTIMISED_TESTS"] != nil {
    package.targets.removeAll { $0.type == .test && $0.name != "DevicesTests" }
    package.targets.first { $0.name == "DevicesTests" }?.sources = [
        "AllocationTests.swift", "Block/BlockDriver.swift", "Net/NetHarness.swift", "Vsock/VsockGuest.swift",
        "Vsock/VsockRig.swift",
    ]
}

// Warnings are errors where nobody would read them.
if Context.environment["CI"] != nil {
    for target in package.targets where target.type != .system {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}
