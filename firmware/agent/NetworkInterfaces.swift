import System

/// A network card to configure, as the host describes it.
struct InterfaceRequest {
    /// Addresses and masks are in network byte order.
    fileprivate let hardwareAddress: [UInt8]
    fileprivate let address: UInt32
    fileprivate let mask: UInt32
    /// 0 for none.
    fileprivate let gateway: UInt32

    /// - Returns: nil for a malformed payload.
    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = PayloadReader(payload)
        hardwareAddress = [UInt8](reader.raw(6))
        let prefixLength: UInt16 = reader.number()
        mask = (UInt32.max << (32 - UInt32(min(prefixLength, 32)))).bigEndian
        address = reader.number()
        gateway = reader.number()
        guard reader.isComplete, (1...32).contains(prefixLength) else { return nil }
    }
}

enum NetworkInterfaces {
    static func switchLoopbackOn() {
        forEach { socket, name in if strcmp(name, "lo") == 0 { switch_interface(socket, name, 1) } }
    }

    static func switchOff() {
        forEach { socket, name in switch_interface(socket, name, 0) }
    }

    /// - Returns: an errno, or 0.
    static func configure(_ request: InterfaceRequest) -> CInt {
        var error = ENODEV
        forEach { socket, name in
            guard has_hardware_address(socket, name, request.hardwareAddress) != 0 else { return }
            let isDone =
                set_interface_address(socket, name, SIOCSIFADDR, request.address) == 0
                && set_interface_address(socket, name, SIOCSIFNETMASK, request.mask) == 0
                && switch_interface(socket, name, 1) == 0
                && (request.gateway == 0 || add_default_route(socket, name, request.gateway) == 0)
            error = isDone ? 0 : last_error()
        }
        return error
    }

    private static func forEach(_ body: (CInt, UnsafePointer<CChar>) -> Void) {
        let socket = System.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
        guard socket >= 0, let interfaces = if_nameindex() else { return }
        var next = interfaces
        while let name = next.pointee.if_name {
            body(socket, name)
            next += 1
        }
        if_freenameindex(interfaces)
        close(socket)
    }
}
