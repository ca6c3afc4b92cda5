import Linux
import SystemPackage

/// Why a tap interface cannot be used.
public enum TapError: Error, Equatable, CustomStringConvertible {
    /// No interface can have this name.
    case name(String)
    /// The host has no tap interfaces at all.
    case unavailable(SystemCallError)
    case notPermitted(String)
    /// Another process is attached to it.
    case busy(String)
    case notTap(String)
    /// It takes one process and one queue only.
    case singleQueue(String)
    /// Its MTU is another one, and may not be changed.
    case mtu(String, wanted: UInt16, SystemCallError)
    /// A descriptor from outside that is not one of a tap interface with headers.
    case descriptor(CInt, problem: String)
    case system(String, SystemCallError)

    public var description: String {
        switch self {
        case .name(let name):
            return "tap '\(name)': a network interface's name has 1 to 15 bytes, without '/', ':' or blanks"
        case .unavailable(let error) where error.errno == .permissionDenied:
            return "\(error.subject): not permitted to open it; 'sudo chmod 666 \(error.subject)' is safe and usual"
        case .unavailable(let error):
            return "\(error.subject): \(error.errno); load the kernel's module with 'sudo modprobe tun'"
        case .notPermitted(let name):
            return """
                tap '\(name)': not permitted to create or use it; run 'sudo ip tuntap add \(name) mode tap user \
                $(id -un) && sudo ip link set \(name) up', or give Swiftlet the capability CAP_NET_ADMIN
                """
        case .busy(let name):
            return "tap '\(name)': it is in use by another process; give each machine a tap of its own"
        case .notTap(let name):
            return "tap '\(name)': there is such a network interface, but it is no tap; give the name of another"
        case .singleQueue(let name):
            return """
                tap '\(name)': it has a single queue; use 'queues=1', or make it anew with \
                'sudo ip tuntap add \(name) mode tap multi_queue'
                """
        case .mtu(let name, let wanted, let error):
            return """
                tap '\(name)': cannot set its MTU to \(wanted) (\(error.errno)); \
                run 'sudo ip link set \(name) mtu \(wanted)'
                """
        case .descriptor(let number, let problem):
            return """
                descriptor \(number): \(problem); it must be that of a tap opened with \
                IFF_TAP, IFF_NO_PI and IFF_VNET_HDR
                """
        case .system(let name, let error):
            return "tap '\(name)': \(error.call): \(error.errno)"
        }
    }
}
