import CLinux
import Glibc
import Linux

/// The ioctls of tap interfaces (Linux Documentation/networking/tuntap.rst).
enum TapControl {
    static let device = "/dev/net/tun"

    /// `IFNAMSIZ` less the terminating zero.
    static let longestName = 15

    private static func makeRequest(_ name: String, flags: CInt = 0) -> ifreq {
        var request = ifreq()
        withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: name.utf8.prefix(longestName)) }
        request.ifr_ifru.ifru_flags = Int16(truncatingIfNeeded: flags)
        return request
    }

    /// Attaches a newly opened descriptor to an interface, which is created when it does not exist.
    static func attach(_ descriptor: CInt, to name: String, flags: CInt) throws(SystemCallError) {
        var request = makeRequest(name, flags: flags)
        try systemCall("TUNSETIFF") { ioctl(descriptor, kTUNSETIFF, &request) }
    }

    /// The name and the flags of the interface that a descriptor is attached to.
    static func interface(of descriptor: CInt) throws(SystemCallError) -> (name: String, flags: CInt) {
        var request = ifreq()
        try systemCall("TUNGETIFF") { ioctl(descriptor, kTUNGETIFF, &request) }
        let name = withUnsafeBytes(of: request.ifr_ifrn) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return (name, CInt(UInt16(bitPattern: request.ifr_ifru.ifru_flags)))
    }

    static func setHeaderLength(_ length: Int, of descriptor: CInt) throws(SystemCallError) {
        var value = CInt(length)
        try systemCall("TUNSETVNETHDRSZ") { ioctl(descriptor, kTUNSETVNETHDRSZ, &value) }
    }

    static func setOffloads(_ offloads: Offloads, of descriptor: CInt) throws(SystemCallError) {
        try systemCall("TUNSETOFFLOAD") { ioctl_word(descriptor, kTUNSETOFFLOAD, flags(offloads)) }
    }

    private static func flags(_ offloads: Offloads) -> UInt {
        // The kernel refuses segmentation of what has a checksum already.
        guard offloads.contains(.checksum) else { return 0 }
        var flags = UInt(TUN_F_CSUM)
        if offloads.contains(.tcp4) { flags |= UInt(TUN_F_TSO4) }
        if offloads.contains(.tcp6) { flags |= UInt(TUN_F_TSO6) }
        if offloads.contains(.udp) { flags |= kTUN_F_USO4 | kTUN_F_USO6 }
        return flags
    }

    static func setCarrier(up: Bool, of descriptor: CInt) throws(SystemCallError) {
        var value: CInt = up ? 1 : 0
        try systemCall("TUNSETCARRIER") { ioctl(descriptor, kTUNSETCARRIER, &value) }
    }

    /// Lets the kernel give frames to this queue of a multi-queue interface, or not.
    static func setQueue(attached: Bool, of descriptor: CInt) throws(SystemCallError) {
        var request = makeRequest("", flags: attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE)
        try systemCall("TUNSETQUEUE") { ioctl(descriptor, kTUNSETQUEUE, &request) }
    }

    static func mtu(of name: String) throws(SystemCallError) -> CInt {
        let socket = try controlSocket()
        var request = makeRequest(name)
        try systemCall("SIOCGIFMTU") { ioctl(socket.rawValue, UInt(SIOCGIFMTU), &request) }
        return request.ifr_ifru.ifru_mtu
    }

    static func setMTU(_ mtu: UInt16, of name: String) throws(SystemCallError) {
        let socket = try controlSocket()
        var request = makeRequest(name)
        request.ifr_ifru.ifru_mtu = CInt(mtu)
        try systemCall("SIOCSIFMTU") { ioctl(socket.rawValue, UInt(SIOCSIFMTU), &request) }
    }

    /// Any socket will do for asking about an interface.
    private static func controlSocket() throws(SystemCallError) -> OwnedDescriptor {
        let raw = try systemCall("socket") {
            socket(AF_INET, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        }
        return OwnedDescriptor(adopting: raw)
    }

    /// The flags of an existing tun or tap interface; nil for another interface, or for none.
    static func existingFlags(of name: String) -> CInt? {
        guard let text = try? contentsOfFile("/sys/class/net/\(name)/tun_flags", limit: 64) else { return nil }
        let digits = String(decoding: text, as: UTF8.self).dropFirst(2).prefix { $0.isHexDigit }
        return CInt(digits, radix: 16)
    }

    /// Whether the host uses an interface (`IFF_UP`).
    static func isUp(_ name: String) throws(SystemCallError) -> Bool {
        let socket = try controlSocket()
        var request = makeRequest(name)
        try systemCall("SIOCGIFFLAGS") { ioctl(socket.rawValue, UInt(SIOCGIFFLAGS), &request) }
        return CInt(request.ifr_ifru.ifru_flags) & CInt(IFF_UP) != 0
    }

    static func exists(_ name: String) -> Bool {
        if_nametoindex(name) != 0
    }
}
