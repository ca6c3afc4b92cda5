import Agent
import MachineConfiguration

/// What the agent does before it runs the first command: it makes the file system that commands see.
enum Preparation {
    /// The root of commands, where the configuration has one.
    static let root = "/merged"

    private static let base = "/base"
    private static let scratch = "/scratch"

    private enum Flag {
        static let readOnly: UInt64 = 1
        static let bind: UInt64 = 4096
        static let recursive: UInt64 = 16384
    }

    /// - Parameter configuration: with an agent.
    static func requests(_ configuration: VMConfiguration) -> [GuestRequest] {
        guard let agent = configuration.agent else { return [] }
        let root = agent.root == nil ? "" : Self.root
        return (agent.root == nil ? [] : rootRequests(size: agent.diskSize))
            + configuration.shares.compactMap { mount($0, in: root) }
            + (agent.processes.map { [.limitProcesses(UInt64($0))] } ?? [])
    }

    /// The base, which nobody can write to, with a layer in memory above it for what is written, and in it what the
    /// kernel shows of itself.
    private static func rootRequests(size: ByteSize?) -> [GuestRequest] {
        let size = size.map { "\($0.bytes)" } ?? "50%"
        let layers = "lowerdir=\(base),upperdir=\(scratch)/upper,workdir=\(scratch)/work"
        return [
            .mount(
                source: VMConfiguration.Agent.rootShare, target: base, type: "virtiofs", flags: Flag.readOnly),
            .mount(source: "scratch", target: scratch, type: "tmpfs", data: "mode=755,size=\(size)"),
            .makeDirectory("\(scratch)/upper"),
            .makeDirectory("\(scratch)/work"),
            .makeDirectory("\(scratch)/tmp", mode: 0o1777),
            .mount(source: "root", target: root, type: "overlay", data: layers),
        ]
            + ["/proc", "/sys", "/dev"].map {
                .mount(source: $0, target: root + $0, type: "", flags: Flag.bind | Flag.recursive)
            } + [
                // What is in these on the host is of its processes.
                .mount(source: "run", root: root, target: "/run", type: "tmpfs", data: "mode=755,size=10%"),
                // Its size counts as the root's.
                .mount(source: "\(scratch)/tmp", target: "\(root)/tmp", type: "", flags: Flag.bind),
            ]
    }

    private static func mount(_ share: VMConfiguration.Share, in root: String) -> GuestRequest? {
        share.mountPoint.map {
            .mount(
                source: share.tag, root: root, target: $0, type: "virtiofs",
                flags: share.readOnly ?? true ? Flag.readOnly : 0)
        }
    }
}
