import Agent
import GuestRoot
import MachineConfiguration
import Network

/// What the agent does before it runs the first command: it makes the file system that commands see.
enum Preparation {
    /// The root of commands, where the configuration has one.
    static let root = "/merged"

    private static let base = "/" + VMConfiguration.Agent.archiveDirectory
    private static let scratch = "/scratch"

    private enum Flag {
        static let readOnly: UInt64 = 1
        static let bind: UInt64 = 4096
        static let recursive: UInt64 = 16384
    }

    /// - Parameters:
    ///   - configuration: with an agent.
    ///   - source: what the root of commands is; nil where that is the agent's own.
    ///   - card: the network card that is connected to the network of the host's user, where there is one.
    static func requests(
        _ configuration: VMConfiguration, root source: RootSource?, card: MACAddress?
    ) -> [GuestRequest] {
        guard let agent = configuration.agent else { return [] }
        let root = source == nil ? "" : Self.root
        return (source.map { rootRequests(agent, $0) } ?? [])
            // Before there is a share that it could be written to.
            + (card.map { networkRequests($0, root) } ?? [])
            + shareRequests(configuration.shares, in: root)
            + (agent.processes.map { [.limitProcesses(UInt64($0))] } ?? [])
    }

    private static func networkRequests(_ card: MACAddress, _ root: String) -> [GuestRequest] {
        [
            .configureInterface(
                card, UserNetwork.address, prefixLength: UserNetwork.prefixLength, gateway: UserNetwork.gateway),
            .replaceFile(
                root: root, path: "/etc/resolv.conf", contents: "nameserver \(UserNetwork.nameServer)\n"),
        ]
    }

    /// The base, which nobody can write to, with a layer above it for what is written, and in it what the kernel shows of
    /// itself.
    private static func rootRequests(_ agent: VMConfiguration.Agent, _ source: RootSource) -> [GuestRequest] {
        let layers = "lowerdir=\(base),upperdir=\(scratch)/upper,workdir=\(scratch)/work"
        return baseRequests(source) + [
            scratchRequest(agent),
            .makeDirectory("\(scratch)/upper"),
            .makeDirectory("\(scratch)/work"),
            .mount(source: "root", target: root, type: "overlay", data: layers),
        ]
            + ["/proc", "/sys", "/dev"].map {
                .mount(source: $0, target: root + $0, type: "", flags: Flag.bind | Flag.recursive)
            }
            // What is in these on the host is of its processes.
            + [.mount(source: "run", root: root, target: "/run", type: "tmpfs", data: "mode=755,size=10%")]
            + temporaryRequests(agent)
    }

    private static func baseRequests(_ source: RootSource) -> [GuestRequest] {
        let device = VMConfiguration.Agent.rootDevice
        return switch source {
        case .directory: [.mount(source: device, target: base, type: "virtiofs", flags: Flag.readOnly)]
        case .image(let image):
            [
                .mountDisk(
                    serial: device, target: base, type: image.mountType, flags: Flag.readOnly,
                    data: image.mountData(readOnlyDisk: true))
            ]
        // The kernel has unpacked it there.
        case .archive: []
        }
    }

    /// Where the layer is.
    private static func scratchRequest(_ agent: VMConfiguration.Agent) -> GuestRequest {
        guard agent.keep == nil else {
            // The host gets back what is no longer used of the file.
            return .mountDisk(serial: VMConfiguration.Agent.keepDevice, target: scratch, type: "ext4", data: "discard")
        }
        let size = agent.diskSize.map { "\($0.bytes)" } ?? "50%"
        return .mount(source: "scratch", target: scratch, type: "tmpfs", data: "mode=755,size=\(size)")
    }

    private static func temporaryRequests(_ agent: VMConfiguration.Agent) -> [GuestRequest] {
        guard agent.keep == nil else {
            return [.mount(source: "tmp", root: root, target: "/tmp", type: "tmpfs", data: "mode=1777,size=50%")]
        }
        // Its size counts as the root's.
        return [
            .makeDirectory("\(scratch)/tmp", mode: 0o1777),
            .mount(source: "\(scratch)/tmp", target: "\(root)/tmp", type: "", flags: Flag.bind),
        ]
    }

    /// A share within another one is mounted after that, as it would be hidden else.
    private static func shareRequests(_ shares: [VMConfiguration.Share], in root: String) -> [GuestRequest] {
        let mounted = shares.compactMap { share in share.mountPoint.map { (point: $0, share: share) } }
        return mounted.sorted { depth($0.point) < depth($1.point) }.map { point, share in
            .mount(
                source: share.tag, root: root, target: point, type: "virtiofs",
                flags: share.readOnly ?? true ? Flag.readOnly : 0)
        }
    }

    private static func depth(_ path: String) -> Int { path.split(separator: "/").count }
}
