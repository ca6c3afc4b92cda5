import MachineConfiguration
import SystemPackage

/// What the agent can be asked for beside commands. Paths are the guest's, and begin with a slash.
public enum GuestRequest: Equatable, Sendable {
    /// To mount a file system (mount(2)), and make the directory for it where there is none.
    ///
    /// - Parameters:
    ///   - root: the directory that `target` is in, whatever symbolic links are in it; empty for the agent's own root.
    ///   - flags: the guest's `MS_…`.
    case mount(source: String, root: String = "", target: String, type: String, flags: UInt64 = 0, data: String = "")
    /// To mount the file system on the disk with this serial number.
    case mountDisk(serial: String, target: String, type: String, flags: UInt64 = 0, data: String = "")
    /// To make a directory, and those that it is in, where there are none.
    ///
    /// - Parameter mode: its permission bits, where it is made.
    case makeDirectory(String, mode: UInt32 = 0o755)
    /// To let all commands together have no more processes and threads than this, one at least.
    case limitProcesses(UInt64)
    /// To give the network card with an Ethernet address an IPv4 address, and switch it on.
    ///
    /// - Parameters:
    ///   - prefixLength: bits of the address that the whole network has, 1 to 32.
    ///   - gateway: where everything outside of that network is sent to; nil to send it nowhere.
    case configureInterface(MACAddress, IPv4Address, prefixLength: UInt8, gateway: IPv4Address?)
    /// To make a file, in a directory that is made where there is none, in the place of what has its name: a symbolic
    /// link of that name is not followed.
    ///
    /// - Parameters:
    ///   - root: as of a mount.
    ///   - contents: without NULs.
    case replaceFile(root: String, path: String, contents: String)

    var kind: AgentProtocol.Kind {
        switch self {
        case .mount: .mount
        case .mountDisk: .mountDisk
        case .makeDirectory: .makeDirectory
        case .limitProcesses: .limitProcesses
        case .configureInterface: .configureInterface
        case .replaceFile: .replaceFile
        }
    }

    func write(to payload: inout PayloadWriter) {
        func mount(_ texts: [String], _ flags: UInt64, _ data: String) {
            for text in texts { payload.text(Array(text.utf8)) }
            payload.number(flags)
            payload.text(Array(data.utf8))
        }
        switch self {
        case .mount(let source, let root, let target, let type, let flags, let data):
            mount([source, root, target, type], flags, data)
        case .mountDisk(let serial, let target, let type, let flags, let data):
            mount([serial, "", target, type], flags, data)
        case .makeDirectory(let path, let mode):
            payload.text(Array(path.utf8))
            payload.number(mode)
        case .limitProcesses(let number): payload.number(number)
        case .configureInterface(let card, let address, let prefixLength, let gateway):
            for index in card.bytes.indices { payload.number(card.bytes[index]) }
            payload.number(UInt16(prefixLength))
            for bytes in [address.bytes, (gateway ?? .unspecified).bytes] {
                for index in bytes.indices { payload.number(bytes[index]) }
            }
        case .replaceFile(let root, let path, let contents):
            for text in [root, path, contents] { payload.text(Array(text.utf8)) }
        }
    }
}

/// Why a request was not done.
public enum AgentRequestError: Error, Equatable, CustomStringConvertible {
    /// The guest's kernel says so.
    case guest(GuestRequest, errno: CInt)
    case agent(AgentError)

    public var description: String {
        switch self {
        case .guest(.mount(_, _, let target, "virtiofs", _, _), let errno)
        where [.fileExists, .notDirectory].contains(Errno(rawValue: errno)):
            "the guest cannot mount a directory at '\(target)', where there is something else; choose another place"
        case .guest(.mount(_, _, let target, "virtiofs", _, _), let errno)
        where Errno(rawValue: errno) == .readOnlyFileSystem:
            """
            the guest cannot make the directory '\(target)' to mount another there: it is in a read-only share; make it on \
            the host
            """
        case .guest(.mount(let source, _, let target, let type, _, _), let errno):
            "the guest cannot mount '\(source)' at '\(target)' as \(type): \(Errno(rawValue: errno))"
        case .guest(.mountDisk(let serial, let target, let type, _, _), let errno):
            """
            the guest cannot mount the disk '\(serial)' at '\(target)' as \(type): \(Errno(rawValue: errno)); its file system \
            may be damaged, or have features that the kernel does not know: with -v the kernel tells
            """
        case .guest(.makeDirectory(let path, _), let errno):
            "the guest cannot make the directory '\(path)': \(Errno(rawValue: errno))"
        case .guest(.limitProcesses(let number), let errno):
            "the guest cannot limit its processes to \(number): \(Errno(rawValue: errno))"
        case .guest(.configureInterface(let card, let address, _, _), let errno):
            "the guest cannot give the network card \(card) the address \(address): \(Errno(rawValue: errno))"
        case .guest(.replaceFile(let root, let path, _), let errno):
            "the guest cannot write '\(root)\(path)': \(Errno(rawValue: errno))"
        case .agent(let error): "\(error)"
        }
    }
}
