/// The initramfs of a guest that runs commands: the agent, and the modules that it inserts.
public enum AgentInitramfs {
    /// Makes it, with modules in the order in which they can be inserted.
    ///
    /// - Parameters:
    ///   - agent: the program.
    ///   - wanted: names of modules, which may be built into the kernel.
    ///   - modules: the kernel's; nil for a kernel that has all of them built in.
    /// - Throws: `KernelModulesError`, `CpioArchiveError`.
    public static func make(agent: [UInt8], modules wanted: [String], from modules: KernelModules?) throws -> [UInt8] {
        var archive = CpioArchive()
        // What the kernel opens as the agent's first descriptors.
        try archive.addDevice("dev/console", .character, major: 5, minor: 1)
        try archive.addDevice("dev/null", .character, major: 1, minor: 3, mode: 0o666)
        try archive.addFile("init", contents: agent, mode: 0o755)
        if let modules {
            let order = try modules.loadOrder(of: wanted)
            for name in order { try archive.addFile("modules/\(name).ko", contents: modules.contents(of: name)) }
            try archive.addFile("modules/order", contents: Array(order.map { "\($0)\n" }.joined().utf8))
        }
        return archive.finished()
    }
}
