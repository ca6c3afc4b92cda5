import Linux

/// Ports of the host on which the monitor itself takes a guest's connections, each with what is given the host's end: a
/// Unix socket that does not block. Called on the device's thread.
public typealias VsockPorts = [UInt32: @Sendable (consuming OwnedDescriptor) -> Void]
