import Boot
import Foundation
import HeldMachine
import Linux

/// The initramfs that the lab host boots from.
enum HostInitramfs {
    /// What a KVM host and its disk, ports and networks need.
    private static let modules = [
        "virtio_mmio", "virtio_console", "virtio_blk", "ext4", "kvm", "kvm_amd", "tun", "tap", "vhost", "vhost_net",
        "vsock", "vhost_vsock", "bridge", "veth", "fuse", "overlay", "loop",
    ]

    /// - Returns: the path of the file, which is made once for each kernel and busybox.
    static func path(kernel: KernelDirectory, busybox: Busybox, cache: Cache) throws -> String {
        let key = contentKey(
            kernel.origin, kernel.version, try fileKey(busybox.path), modules.joined(separator: " "),
            HostScripts.initialise(modules: []), HostScripts.earlyMounts, HostScripts.mounts,
            HostScripts.applets.joined(separator: " "), machineHolder.map(String.init).joined())
        return try cache.file("initramfs/\(key).cpio") { try contents(kernel: kernel, busybox: busybox) }
    }

    private static func contents(kernel: KernelDirectory, busybox: Busybox) throws -> [UInt8] {
        let available = try KernelModules(directory: kernel.modules)
        let order = try available.loadOrder(of: modules)
        var archive = CpioArchive()
        for directory in ["dev", "proc", "sys", "root"] { try archive.addDirectory(directory) }
        try archive.addDevice("dev/console", .character, major: 5, minor: 1)
        try archive.addDevice("dev/null", .character, major: 1, minor: 3, mode: 0o666)
        try archive.addFile("bin/busybox", contents: try contentsOfFile(busybox.path, limit: 64 << 20), mode: 0o755)
        for applet in HostScripts.applets { try archive.addSymbolicLink("bin/\(applet)", to: "busybox") }
        try archive.addFile("bin/hold-machine", contents: machineHolder, mode: 0o755)
        try archive.addFile("etc/mounts.early", contents: Array(HostScripts.earlyMounts.utf8))
        try archive.addFile("etc/mounts", contents: Array(HostScripts.mounts.utf8))
        let folder = "lib/modules/\(kernel.version)"
        for module in order {
            try archive.addFile("\(folder)/\(module).ko", contents: try available.contents(of: module))
        }
        // Without dependencies: they are inserted in an order that heeds these already.
        let list = order.map { "\($0).ko:\n" }.joined()
        try archive.addFile("\(folder)/modules.dep", contents: Array(list.utf8))
        try archive.addFile("init", contents: Array(HostScripts.initialise(modules: order).utf8), mode: 0o755)
        return archive.finished()
    }

    /// A program that holds a virtual machine.
    ///
    /// With the first machine that there is and the last that goes, KVM patches the kernel's scheduler. On a host of several
    /// CPUs that is what fails most often (see `Emulator.cpus`): both hang, or the host resets, some twice in a hundred
    /// machines. With one machine always there, that code stays as it is.
    private static var machineHolder: [UInt8] {
        Array(UnsafeRawBufferPointer(start: held_machine_program(), count: Int(held_machine_program_size())))
    }
}
