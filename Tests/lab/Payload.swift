import Foundation
import Glibc
import Linux

/// The disk that a command runs from in the lab host: its files around busybox, in an ext4 file system.
struct Payload {
    /// Bytes left free for the command to write.
    private static let freeSize = 1 << 30
    private static let mebibyte = 1 << 20

    let files: [SuppliedFile]
    let busybox: Busybox
    let command: String

    /// Makes the disk, in memory.
    ///
    /// - Parameter deviceSize: bytes of the disk, however much of it the file system takes.
    func makeDisk(deviceSize: Int, cache: Cache) throws -> TemporaryFile {
        let scratch = try ScratchDirectory(in: cache)
        let root = "\(scratch.path)/root"
        try stage(below: root)
        let size = try contentSize(of: root) * 11 / 10 + Self.freeSize
        guard size <= deviceSize else {
            throw LabFailure(
                "the command's files take \(size >> 30) GiB, more than the \(deviceSize >> 30) GiB of its disk")
        }
        let disk = try TemporaryFile(named: "lab-disk")
        try disk.setSize(deviceSize)
        // No journal and no room to grow: the file system lives as long as one command.
        try ChildProcess.output(
            of: [
                "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-O", "^has_journal,^resize_inode",
                "-E", "root_owner=0:0,lazy_itable_init=1,nodiscard", "-d", root, "/proc/self/fd/3",
                "\(size / Self.mebibyte)M",
            ], package: "e2fsprogs", descriptors: [3: disk.descriptor])
        return disk
    }

    private func stage(below root: String) throws {
        let directories = [
            "", "usr", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "dev", "proc", "sys", "tmp", "run", "root",
            "out", "lab", ".lab", "etc", "var", "mnt",
        ]
        for directory in directories { try make(directory: "\(root)/\(directory)") }
        for link in ["bin", "sbin", "lib", "lib64"] { try symbolicLink("\(root)/\(link)", to: "usr/\(link)") }

        try SuppliedFile(busybox.path, at: "/usr/bin/busybox").copy(below: root, isReadOnly: true)
        for applet in try busybox.applets { try symbolicLink("\(root)/usr/bin/\(applet)", to: "busybox") }
        try write("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n", to: "\(root)/etc/passwd")
        try write("root:x:0:\ntty:x:5:\nkvm:x:104:\nnogroup:x:65534:\n", to: "\(root)/etc/group")
        try write("127.0.0.1 localhost lab\n::1 localhost\n", to: "\(root)/etc/hosts")
        try write(HostScripts.supervise, to: "\(root)/.lab/supervise", mode: 0o755)
        try write(command, to: "\(root)/.lab/command")
        for file in files {
            try file.copy(below: file.isAbsolute ? root : "\(root)/lab", isReadOnly: true)
        }
    }

    private func contentSize(of root: String) throws -> Int {
        let output = try ChildProcess.output(of: ["du", "-s", "--block-size=1", root], package: "coreutils")
        return output.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 0
    }

    private func make(directory path: String) throws {
        try systemCall("mkdir", on: path) { mkdir(path, 0o755) }
        try systemCall("chmod", on: path) { chmod(path, 0o755) }
    }

    private func symbolicLink(_ path: String, to target: String) throws {
        try systemCall("symlink", on: path) { symlink(target, path) }
    }

    private func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        try systemCall("chmod", on: path) { chmod(path, mode) }
    }
}
