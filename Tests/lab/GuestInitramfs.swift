import Boot
import Foundation
import Glibc
import Linux

/// A small guest user land: busybox, kernel modules and whatever files a test needs.
struct GuestInitramfs {
    /// Bytes.
    static let largestFile = 1 << 30

    static let standardInit = """
        #!/bin/sh
        export PATH=/bin:/usr/bin HOME=/root
        mount -t devtmpfs dev /dev
        mount -t proc proc /proc
        mount -t sysfs sys /sys
        if [ -f /modules/order ]; then
            while read -r module; do insmod "/modules/$module.ko"; done </modules/order
        fi
        setsid cttyhack sh
        poweroff -f

        """

    private(set) var archive = CpioArchive()
    /// Programs and libraries, several of which need the same.
    private var programFiles: Set<String> = []

    init() throws {
        for directory in ["dev", "etc", "mnt", "proc", "root", "run", "sys"] { try archive.addDirectory(directory) }
        try archive.addDirectory("tmp", mode: 0o1777)
        try archive.addDevice("dev/console", .character, major: 5, minor: 1)
        try archive.addDevice("dev/null", .character, major: 1, minor: 3, mode: 0o666)
    }

    mutating func add(busybox: Busybox) throws {
        try archive.addFile("bin/busybox", contents: contentsOfFile(busybox.path, limit: Self.largestFile), mode: 0o755)
        for applet in try busybox.applets { try archive.addSymbolicLink("bin/\(applet)", to: "busybox") }
    }

    /// Adds programs of this machine to /usr/bin, with the shared libraries that they need.
    mutating func add(programs: [String]) throws {
        for program in programs {
            let name = (program as NSString).lastPathComponent
            for file in try ProgramFiles.all(of: program, at: "/usr/bin/\(name)")
            where programFiles.insert(file.target).inserted {
                try add(file.source, at: String(file.target.dropFirst()))
            }
        }
    }

    mutating func add(modules wanted: [String], from directory: String) throws {
        let available = try KernelModules(directory: directory)
        let order = try available.loadOrder(of: wanted)
        for module in order {
            try archive.addFile("modules/\(module).ko", contents: available.contents(of: module))
        }
        try archive.addFile("modules/order", contents: Array(order.map { "\($0)\n" }.joined().utf8))
    }

    mutating func addInit(_ contents: [UInt8]) throws {
        try archive.addFile("init", contents: contents, mode: 0o755)
    }

    /// Adds a file, or a directory with all that is in it; a symbolic link only as what it leads to.
    mutating func add(_ source: String, at target: String) throws {
        try add(resolved: try realPath(source), at: target)
    }

    private mutating func add(resolved source: String, at target: String) throws {
        var status = stat()
        try systemCall("lstat", on: source) { lstat(source, &status) }
        let mode = UInt16(truncatingIfNeeded: status.st_mode & 0o7777)
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            try archive.addDirectory(target, mode: mode)
            for entry in try entriesOfDirectory(source) {
                try add(resolved: "\(source)/\(entry.name)", at: "\(target)/\(entry.name)")
            }
        case S_IFLNK:
            let destination = try FileManager.default.destinationOfSymbolicLink(atPath: source)
            try archive.addSymbolicLink(target, to: destination)
        case S_IFREG:
            try archive.addFile(target, contents: contentsOfFile(source, limit: Self.largestFile), mode: mode)
        default:
            throw LabFailure("\(source) is neither a file, a directory nor a symbolic link; leave it out")
        }
    }
}
