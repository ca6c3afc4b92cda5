import ArgumentParser
import Foundation

struct KernelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel",
        abstract: "Get a Debian kernel package and unpack its kernel and modules.",
        discussion: "Leaves DIR/vmlinuz, DIR/vmlinux (unpacked), DIR/config, DIR/version and DIR/modules.")

    @Option(help: ArgumentHelp("A kernel package's file.", valueName: "file"))
    var deb: String?

    @Option(help: ArgumentHelp("A package of the archive, such as linux-image-cloud-amd64.", valueName: "name"))
    var package: String?

    @Option(help: ArgumentHelp("Where to unpack it.", valueName: "dir"))
    var to: String

    func validate() throws {
        guard (deb == nil) != (package == nil) else {
            throw ValidationError("give either --deb FILE or --package NAME")
        }
    }

    func run() throws {
        let source: DebianPackage.Source = deb.map { .file($0) } ?? .name(package ?? "")
        let directory = URL(fileURLWithPath: to).path
        let kernel = try KernelDirectory(source, in: directory, cache: .standard())
        print(kernel.version)
    }
}
