import CLinux
import Glibc
import Linux
import SystemPackage
import Testing

@testable import Devices

/// The table against a model, under anything that a guest and a host can do.
struct NodeTableTests {
    private func table(nodes: Int = 100, descriptors: Int = 4) throws -> (NodeTable, SharedDescriptor) {
        let root = SharedDescriptor(try OwnedDescriptor.open("/", O_PATH | O_DIRECTORY))
        let table = NodeTable(
            root: root, identity: Self.identity(0), nodeLimit: nodes, descriptorLimit: descriptors)
        return (table, root)
    }

    private static func identity(_ inode: ino_t, _ type: mode_t = S_IFDIR) -> FileIdentity {
        var status = stat()
        status.st_ino = inode
        status.st_mode = type
        return FileIdentity(status, mount: 0)
    }

    private func name(_ text: String) throws -> FileName { try FileName(Array(text.utf8)) }

    @Test func aDirectoryStaysAsLongAsItsFilesAreKnown() throws {
        var (table, descriptor) = try table()
        let outer = try table.remember(Self.identity(1), descriptor, in: 1, try name("outer"))
        let inner = try table.remember(Self.identity(2), descriptor, in: outer, try name("inner"))
        table.forget(outer, count: .max)
        #expect(table.count == 2)
        #expect(try table.parent(of: inner) == outer)
        table.forget(inner, count: 1)
        #expect(table.count == 0 && table.descriptorCount == 0)
        #expect(throws: Errno.staleNFSFileHandle) { try table.parent(of: inner) }
        #expect(throws: Errno.staleNFSFileHandle) {
            try table.remember(Self.identity(3), descriptor, in: outer, try name("x"))
        }
    }

    /// The host moves directories between look-ups, so that each is found in the other.
    @Test func noDirectoryIsWithinItself() throws {
        var (table, descriptor) = try table(descriptors: 1)
        let first = try table.remember(Self.identity(1), descriptor, in: 1, try name("first"))
        let second = try table.remember(Self.identity(2), descriptor, in: first, try name("second"))
        #expect(try table.remember(Self.identity(1), descriptor, in: second, try name("first")) == first)
        #expect(try table.parent(of: first) == 1)
        #expect(try table.parent(of: second) == first)
        _ = try table.remember(Self.identity(9), descriptor, in: 1, try name("other"))
        #expect(try table.route(to: second).steps.map(\.node) == [first, second])
        table.forget(second, count: 9)
        table.forget(first, count: 9)
        #expect(table.count == 1)
    }

    @Test func theRootIsNeverForgotten() throws {
        var (table, descriptor) = try table()
        table.forget(1, count: .max)
        #expect(try table.route(to: 1).steps.isEmpty)
        #expect(try table.remember(Self.identity(0), descriptor, in: 1, try name("again")) == 1)
        for node in [0, 2, .max, 1 << 32 | 1] as [UInt64] {
            #expect(throws: Errno.staleNFSFileHandle) { try table.route(to: node) }
        }
    }

    @Test func theLimitsHold() throws {
        var (table, descriptor) = try table(nodes: 50, descriptors: 4)
        var known: [UInt64: Int] = [:]
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let inode = ino_t.random(in: 1...80, using: &random)
            let type: mode_t = inode % 2 == 0 ? S_IFDIR : S_IFREG
            let parent = known.keys.randomElement(using: &random) ?? 1
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                guard let node = try? table.remember(Self.identity(inode, type), descriptor, in: parent, try name("n"))
                else { continue }
                known[node, default: 0] += 1
            case 2:
                table.forget(parent, count: 1)
                if let count = known[parent] { known[parent] = count > 1 ? count - 1 : nil }
            case 3: table.relocate(Self.identity(inode, type), to: parent, try name("m"))
            case 4: table.keep(Self.identity(inode, type), by: descriptor)
            default: _ = try? table.route(to: parent)
            }
            _ = table.takeDropped()
            #expect(table.count <= 50 && table.descriptorCount <= 4)
            #expect(table.count >= known.count)
        }
        for (node, count) in known { table.forget(node, count: UInt64(count)) }
        #expect(table.count == 0 && table.descriptorCount == 0)
    }
}
