import Boot
import Foundation
import TemporaryFiles
import Testing

@testable import KernelStore

/// Kernels that come and go, as packages and as files.
struct KernelStoreTests {
    private let directory: TemporaryDirectory
    private let store: KernelStore

    init() throws {
        directory = try TemporaryDirectory()
        store = KernelStore(directory: directory.path + "/data/kernels")
    }

    /// The least that is taken for a kernel: an ELF file with one segment, that says which version it is.
    private func writeKernel(_ path: String, version: String?) throws {
        var file = [UInt8](repeating: 0, count: 4096)
        func put(_ value: some FixedWidthInteger, at offset: Int) {
            withUnsafeBytes(of: value.littleEndian) { file.replaceSubrange(offset..<(offset + $0.count), with: $0) }
        }
        file.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
        put(UInt16(2), at: 16)
        put(UInt16(62), at: 18)
        put(UInt32(1), at: 20)
        put(UInt64(0x100_0000), at: 24)
        put(UInt64(64), at: 32)
        put(UInt16(64), at: 52)
        put(UInt16(56), at: 54)
        put(UInt16(1), at: 56)
        put(UInt32(1), at: 64)
        put(UInt32(5), at: 68)
        put(UInt64(0x1000 - 0x800), at: 72)
        put(UInt64(0x100_0000), at: 80)
        put(UInt64(0x100_0000), at: 88)
        put(UInt64(0x800), at: 96)
        put(UInt64(0x800), at: 104)
        put(UInt64(0x800), at: 112)
        if let version {
            let banner = Array("Linux version %s\0Linux version \(version) (somebody) #1\0".utf8)
            file.replaceSubrange(0x900..<(0x900 + banner.count), with: banner)
        }
        try Data(file).write(to: URL(fileURLWithPath: "\(directory.path)/\(path)"))
    }

    /// A package, as `dpkg-deb` has it, of the files in `tree`.
    private func pack(_ package: String, compression: String = "--xz") throws {
        try directory.run(
            """
            echo 2.0 > debian-binary; tar -C tree -c \(compression) -f data.tar.x .; : > control.tar
            ar rc \(package) debian-binary control.tar data.tar.x; rm -r tree
            """)
    }

    private func packKernel(_ package: String, _ version: String, compression: String = "--xz") throws {
        try directory.run(
            "mkdir -p tree/boot tree/usr/share/doc tree/lib/modules/\(version)/kernel/fs; echo > tree/usr/share/doc/README"
        )
        try writeKernel("tree/boot/vmlinuz-\(version)", version: version)
        try directory.run(
            """
            cd tree/lib/modules/\(version); echo \(version) > kernel/fs/some.ko; echo > modules.builtin; ln -s /usr/src build
            """)
        try pack(package, compression: compression)
    }

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    @Test(arguments: ["--xz", "--zstd", "--gzip", "--no-auto-compress"])
    func aPackageIsAKernelWithItsModules(compression: String) throws {
        try packKernel("a.deb", "6.1.0-9-cloud", compression: compression)
        let kernel = try store.add([path("a.deb")])
        #expect(kernel.name == "6.1.0-9-cloud")
        #expect(try KernelImage(path: kernel.path).release == "6.1.0-9-cloud")
        let modules = try #require(kernel.modules)
        #expect(try String(contentsOfFile: modules + "/kernel/fs/some.ko", encoding: .utf8) == "6.1.0-9-cloud\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: modules).sorted() == ["kernel", "modules.builtin"])
        #expect(try store.kernels() == [kernel])
    }

    @Test func theHighestVersionIsFirst() throws {
        for version in ["6.1.0-9", "6.12.1", "6.1.0-10", "5.10.0"] {
            try writeKernel("k", version: version)
            _ = try store.add([path("k")])
        }
        #expect(try store.kernels().map(\.name) == ["6.12.1", "6.1.0-10", "6.1.0-9", "5.10.0"])
        #expect(try store.kernels().allSatisfy { $0.modules == nil })
    }

    @Test func aFileHasModulesByItself() throws {
        try writeKernel("k", version: "6.1")
        try directory.run(
            "mkdir -p m/kernel; echo one > m/kernel/a.ko.xz; ln -s / m/source; echo > m/modules.dep; mkfifo m/pipe")
        let kernel = try store.add([path("k")], modules: path("m"))
        let modules = try #require(kernel.modules)
        #expect(
            try FileManager.default.subpathsOfDirectory(atPath: modules).sorted() == [
                "kernel", "kernel/a.ko.xz", "modules.dep",
            ])
        // In place of the other, whose modules do not stay.
        #expect(try store.add([path("k")]).modules == nil)
        #expect(try store.kernels().count == 1)
    }

    @Test func aKernelMayBeGivenAName() throws {
        try writeKernel("k", version: nil)
        #expect(throws: KernelStoreError.withoutVersion(path("k"))) { try store.add([path("k")]) }
        #expect(try store.add([path("k")], name: "mine").name == "mine")
        for name in ["", ".hidden", "../x", "a/b", "a b", String(repeating: "a", count: 201)] {
            #expect(throws: KernelStoreError.notAName(name)) { try store.add([path("k")], name: name) }
        }
        #expect(try store.kernels().map(\.name) == ["mine"])
    }

    @Test func kernelsAreRemovedTogetherOrNotAtAll() throws {
        #expect(throws: KernelStoreError.notFound("a", present: [])) { try store.remove(["a"]) }
        try writeKernel("k", version: nil)
        for name in ["a", "b", "c"] { _ = try store.add([path("k")], name: name) }
        for name in ["d", ".lock", "", "..", "a/"] {
            #expect(throws: KernelStoreError.notFound(name, present: ["c", "b", "a"])) {
                try store.remove(["a", name])
            }
        }
        try store.remove(["a", "b", "a"])
        #expect(try store.kernels().map(\.name) == ["c"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory).sorted() == [".lock", "c"])
    }

    @Test func whatIsNoKernelLeavesTheStoreAsItWas() throws {
        try packKernel("a.deb", "6.1.0-9")
        try packKernel("b.deb", "6.1.0-10")
        let kernel = try store.add([path("a.deb")])
        try directory.run(
            "echo text > text; mkdir -p tree/boot; echo text > tree/boot/vmlinuz-6.1.0-9; mkdir empty; head -c -60 a.deb > cut.deb"
        )
        try pack("text.deb")
        try directory.run("mkdir -p tree/usr/share")
        try pack("meta.deb")
        try writeKernel("k", version: "1")
        #expect(throws: KernelImageError.self) { try store.add([path("text")]) }
        #expect(throws: KernelImageError.self) { try store.add([path("text.deb")]) }
        #expect(throws: (any Error).self) { try store.add([path("cut.deb")]) }
        #expect(throws: KernelStoreError.withoutKernel([path("meta.deb")])) { try store.add([path("meta.deb")]) }
        #expect(throws: KernelStoreError.severalKernels(["6.1.0-10", "6.1.0-9"])) {
            try store.add([path("a.deb"), path("b.deb")])
        }
        #expect(throws: KernelStoreError.tooManyFiles) { try store.add([path("a.deb"), path("k")]) }
        #expect(throws: KernelStoreError.tooManyFiles) { try store.add([path("k"), path("k")]) }
        #expect(throws: KernelStoreError.modulesBesidePackage) {
            try store.add([path("a.deb")], modules: path("empty"))
        }
        #expect(throws: KernelStoreError.withoutModules(path("empty"))) {
            try store.add([path("k")], modules: path("empty"))
        }
        #expect(throws: (any Error).self) { try store.add([path("k")], modules: path("nowhere")) }
        #expect(try store.kernels() == [kernel])
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory).sorted() == [".lock", "6.1.0-9"])
    }

    @Test(arguments: ["../../outside.ko", "lib/modules/1/../../../../outside.ko", "/lib/modules/1/../x.ko"])
    func nothingGetsOutOfTheStore(name: String) throws {
        try directory.run(
            "mkdir tree; echo > tree/file; tar -C tree -P --transform 's,.*,\(name),' -cf data.tar file; ar rc a.deb data.tar"
        )
        try directory.run(
            "printf '!<arch>\\ndebian-binary   0           0     0     100644  4         `\\n2.0\\n' > b.deb; tail -c +9 a.deb >> b.deb"
        )
        #expect(throws: KernelStoreError.unsafePath(package: path("b.deb"), path: name)) {
            try store.add([path("b.deb")])
        }
    }

    /// As a process that was killed leaves it.
    @Test func whatIsHalfDoneGoes() throws {
        try writeKernel("k", version: "1")
        try directory.run("mkdir -p data/kernels/.new/modules data/kernels/.old; : > data/kernels/.new/kernel")
        #expect(try store.kernels().isEmpty)
        _ = try store.add([path("k")])
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory).sorted() == [".lock", "1"])
    }

    @Test func severalAddAtOnce() async throws {
        try writeKernel("k", version: nil)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask { [store, file = path("k")] in _ = try store.add([file], name: "\(number % 4)") }
            }
            try await group.waitForAll()
        }
        #expect(try store.kernels().map(\.name) == ["3", "2", "1", "0"])
    }
}
