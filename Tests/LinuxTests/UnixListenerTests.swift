import CLinux
import Foundation
import Linux
import Testing

struct UnixListenerTests {
    private func withPath(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "s-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory + "/socket")
    }

    private func listen(_ path: String, then body: () throws -> Void = {}) throws {
        let listener = try UnixListener(path: path)
        try body()
        _ = listener.descriptor.rawValue
    }

    private func errno(of path: String) -> CInt {
        do throws(SystemCallError) {
            _ = try UnixListener(path: path)
            return 0
        } catch {
            return error.errno.rawValue
        }
    }

    @Test func theFileIsItsUsersAloneAndGoesWithTheSocket() throws {
        try withPath { path in
            try listen(path) {
                var status = stat()
                #expect(lstat(path, &status) == 0)
                #expect(status.st_mode == S_IFSOCK | 0o600)
            }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func connectionsAreTaken() throws {
        try withPath { path in
            let listener = try UnixListener(path: path)
            let none = try listener.accept() == nil
            #expect(none)
            let client = try UnixSocket.connect(to: path)
            let server = try #require(try listener.accept()?.rawValue)
            #expect(server > client.rawValue)
        }
    }

    @Test func aFileLeftBehindIsReplaced() throws {
        try withPath { path in
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let abandoned = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(abandoned, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            #expect(bound == 0)
            close(abandoned)
            #expect(errno(of: path) == 0)
        }
    }

    @Test func aSocketInUseIsNotReplaced() throws {
        try withPath { path in
            try listen(path) {
                #expect(errno(of: path) == EADDRINUSE)
                _ = try UnixSocket.connect(to: path)
            }
        }
    }

    @Test func anotherKindOfFileIsNotReplaced() throws {
        try withPath { path in
            try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
            #expect(errno(of: path) == EADDRINUSE)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
        }
    }

    @Test func theFileOfASuccessorStays() throws {
        try withPath { path in
            try listen(path) {
                unlink(path)
                try Data().write(to: URL(fileURLWithPath: path))
            }
            #expect(FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func longPathsAreRefused() throws {
        try withPath { path in
            let longest = path + String(repeating: "x", count: UnixSocket.longestPath - path.utf8.count)
            #expect(errno(of: longest) == 0)
            #expect(errno(of: longest + "x") == ENAMETOOLONG)
        }
    }
}
