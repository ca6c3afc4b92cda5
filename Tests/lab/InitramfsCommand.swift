import ArgumentParser
import Foundation
import Linux

struct InitramfsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "initramfs",
        abstract: "Make a guest's initramfs around a static busybox.",
        discussion: """
            Kernel modules lie in /modules, with their names in /modules/order in the order to insert them. Without \
            --init, /init mounts the usual file systems, inserts the modules and starts a shell on the console.
            """)

    @Option(help: ArgumentHelp("Where to write the archive.", valueName: "file"))
    var to: String

    @Option(help: ArgumentHelp("A static busybox.", valueName: "path"))
    var busybox = Busybox.standard

    @Option(name: .customLong("init"), help: ArgumentHelp("The guest's /init.", valueName: "file"))
    var initialise: String?

    @Option(
        help: ArgumentHelp("Modules of a kernel, with all that they need.", valueName: "dir:name,name..."))
    var modules: String?

    @Option(
        name: .customLong("file"), parsing: .singleValue,
        help: ArgumentHelp("Add a file or directory as GUEST.", valueName: "host:guest"))
    var files: [String] = []

    @Option(
        name: .customLong("program"), parsing: .singleValue,
        help: ArgumentHelp("Add a program to /usr/bin, and the shared libraries it needs.", valueName: "path"))
    var programs: [String] = []

    func run() throws {
        var guest = try GuestInitramfs()
        try guest.add(busybox: Busybox(path: busybox))
        if let modules {
            let parts = modules.split(separator: ":").map(String.init)
            guard parts.count == 2 else {
                throw ValidationError("--modules \(modules): give DIR:NAME,NAME...")
            }
            try guest.add(modules: parts[1].split(separator: ",").map(String.init), from: parts[0])
        }
        try guest.add(programs: programs)
        for text in files {
            let file = try SuppliedFile(parsing: text)
            try guest.add(file.source, at: String(file.target.drop { $0 == "/" }))
        }
        if let initialise {
            try guest.addInit(contentsOfFile(initialise, limit: GuestInitramfs.largestFile))
        } else {
            try guest.addInit(Array(GuestInitramfs.standardInit.utf8))
        }
        try Data(guest.archive.finished()).write(to: URL(fileURLWithPath: to), options: .atomic)
    }
}
