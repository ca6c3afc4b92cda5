import Boot
import Foundation
import Testing

@Suite struct KernelModulesTests {
    /// A made-up `/lib/modules/VERSION`, removed with this object.
    private final class Tree {
        let path = FileManager.default.temporaryDirectory.appending(path: "modules-\(UUID().uuidString)").path

        init() throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func add(_ name: String, _ contents: [UInt8]) throws {
            let file = "\(path)/\(name)"
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(contents).write(to: URL(fileURLWithPath: file))
        }

        /// Adds modules under `kernel/`, each with what it `depends=` on.
        func add(modules: [String: String]) throws {
            for (name, depends) in modules {
                try add("kernel/drivers/\(name).ko", module(information: ["license=GPL", "depends=\(depends)"]))
            }
        }

        func add(list: String, _ lines: [String]) throws {
            try add(list, Array(lines.map { "\($0)\n" }.joined().utf8))
        }
    }

    /// An ELF64 file with nothing but a `.modinfo` section.
    private static func module(information: [String]) -> [UInt8] {
        let names = Array("\0.modinfo\0.shstrtab\0".utf8)
        let contents = Array(information.map { "\($0)\0" }.joined().utf8)
        func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian) { Array($0) }
        }
        func header(name: UInt32, type: UInt32, offset: Int, size: Int) -> [UInt8] {
            littleEndian(name) + littleEndian(type) + littleEndian(UInt64(0)) + littleEndian(UInt64(0))
                + littleEndian(UInt64(offset)) + littleEndian(UInt64(size)) + [UInt8](repeating: 0, count: 24)
        }
        let tableOffset = 64 + contents.count + names.count
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        file += littleEndian(UInt16(1)) + littleEndian(UInt16(62)) + littleEndian(UInt32(1))
        file += littleEndian(UInt64(0)) + littleEndian(UInt64(0)) + littleEndian(UInt64(tableOffset))
        file += littleEndian(UInt32(0))
        for half in [64, 0, 0, 64, 3, 2] as [UInt16] { file += littleEndian(half) }
        file += contents + names
        file += header(name: 0, type: 0, offset: 0, size: 0)
        file += header(name: 1, type: 1, offset: 64, size: contents.count)
        file += header(name: 10, type: 3, offset: 64 + contents.count, size: names.count)
        return file
    }

    private static func module(depends: String) -> [UInt8] { module(information: ["depends=\(depends)"]) }

    @Test func dependenciesComeFirstAndOnce() throws {
        let tree = try Tree()
        try tree.add(modules: ["a-x": "b,c", "b": "d", "c": "d,b_i", "d": "", "other": ""])
        try tree.add(list: "modules.builtin", ["kernel/lib/b-i.ko"])
        let modules = try KernelModules(directory: tree.path)
        #expect(try modules.loadOrder(of: ["a_x", "d", "b-i"]) == ["d", "b", "c", "a_x"])
        #expect(try modules.loadOrder(of: ["c", "a-x"]) == ["d", "c", "b", "a_x"])
        #expect(modules.isBuiltIn("b_i") && modules.isBuiltIn("b-i") && !modules.isBuiltIn("d"))
    }

    @Test func theListOfDependenciesIsPreferred() throws {
        let tree = try Tree()
        try tree.add(modules: ["a": "ignored", "b": "", "c": "", "d": "c"])
        try tree.add(
            list: "modules.dep",
            [
                "kernel/drivers/a.ko: kernel/drivers/b.ko.xz kernel/drivers/c.ko", "kernel/drivers/b.ko:",
                "kernel/drivers/c.ko:", "nonsense", ": :",
            ])
        let modules = try KernelModules(directory: tree.path)
        #expect(try modules.loadOrder(of: ["a"]) == ["c", "b", "a"])
        #expect(try modules.loadOrder(of: ["d"]) == ["c", "d"], "one that the list leaves out speaks for itself")
    }

    @Test func circlesOfDependenciesEnd() throws {
        let tree = try Tree()
        try tree.add(modules: ["a": "b", "b": "c", "c": "a", "self": "self"])
        let modules = try KernelModules(directory: tree.path)
        #expect(try modules.loadOrder(of: ["a", "self"]) == ["c", "b", "a", "self"])
    }

    @Test func missingModulesAreNamedWithWhatNeedsThem() throws {
        let tree = try Tree()
        try tree.add(modules: ["a": "gone"])
        let modules = try KernelModules(directory: tree.path)
        #expect(throws: KernelModulesError.notFound(module: "gone", neededBy: "a", directory: tree.path)) {
            try modules.loadOrder(of: ["a"])
        }
        #expect(throws: KernelModulesError.notFound(module: "nonesuch", neededBy: "", directory: tree.path)) {
            try modules.loadOrder(of: ["nonesuch"])
        }
        #expect(throws: KernelModulesError.self) { try KernelModules(directory: "\(tree.path)/nonesuch") }
    }

    @Test(arguments: [(".gz", "gzip"), (".xz", "xz"), (".zst", "zstd")])
    func compressedModulesAreUnpacked(suffix: String, tool: String) throws {
        let tree = try Tree()
        let contents = Self.module(depends: "")
        try tree.add("kernel/a.ko", contents)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool, "-q", "\(tree.path)/kernel/a.ko"]
        try process.run()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: "\(tree.path)/kernel/a.ko")
        try #require(FileManager.default.fileExists(atPath: "\(tree.path)/kernel/a.ko\(suffix)"))

        let modules = try KernelModules(directory: tree.path)
        #expect(try modules.loadOrder(of: ["a"]) == ["a"])
        #expect(try modules.contents(of: "a") == contents)
    }

    @Test func damagedModulesAreErrorsAndNeverTraps() throws {
        let tree = try Tree()
        let sound = Self.module(depends: "b")
        try tree.add("kernel/b.ko", Self.module(depends: ""))
        // Every truncation, and every byte of the headers set to the extremes.
        var damaged = (0..<sound.count).map { Array(sound.prefix($0)) }
        for index in Array(0..<64) + Array((sound.count - 3 * 64)..<sound.count) {
            for value in [0x00, 0x7f, 0x80, 0xff] as [UInt8] {
                var copy = sound
                copy[index] = value
                damaged.append(copy)
            }
        }
        var refused = 0
        for contents in damaged {
            try tree.add("kernel/a.ko", contents)
            do {
                let order = try KernelModules(directory: tree.path).loadOrder(of: ["a"])
                #expect(order == ["a"] || order == ["b", "a"])
            } catch {
                refused += 1
            }
        }
        #expect(refused >= sound.count)
    }
}
