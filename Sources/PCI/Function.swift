/// What a function on the bus does; its configuration registers are the bus's to keep.
///
/// Any vCPU's thread may call, several at once. Nothing here may call the bus: it holds its lock where that is said.
public protocol Function: AnyObject, Sendable {
    /// Reads 1 to 8 bytes of a memory region, all of them inside it.
    ///
    /// - Parameter region: the number of its base address register.
    func read(region: Int, offset: UInt64, into bytes: UnsafeMutableRawBufferPointer)

    /// Writes 1 to 8 bytes of a memory region, all of them inside it.
    func write(region: Int, offset: UInt64, bytes: UnsafeRawBufferPointer)

    /// The bus answers for `region` from another address on, or nowhere (nil). Called under the bus's lock, and when
    /// regions trade places, for all that go before any that come.
    func regionMoved(_ region: Int, to address: UInt64?)

    /// The guest is about to read `bytes` of the configuration registers: the time to bring up to date what changes by
    /// itself. Called under the bus's lock.
    func willRead(configuration: inout ConfigurationSpace, bytes: Range<Int>)

    /// The guest has written `bytes` of the configuration registers. Called under the bus's lock.
    func didWrite(configuration: ConfigurationSpace, bytes: Range<Int>)
}

extension Function {
    public func regionMoved(_ region: Int, to address: UInt64?) {}
    public func willRead(configuration: inout ConfigurationSpace, bytes: Range<Int>) {}
    public func didWrite(configuration: ConfigurationSpace, bytes: Range<Int>) {}
}

/// A host bridge, which guests expect to find at the bus's start: it does nothing.
final class HostBridge: Function {
    /// Base class 06h, a bridge; subclass 00h, to the host (PCI Code and ID Assignment Specification 1.16 §1.7).
    private static let classCode: UInt32 = 0x06_0000

    /// Red Hat's vendor id, under which it gives ids for virtual hardware; this one is for a generic PCI Express
    /// host bridge.
    static let configuration = ConfigurationSpace(.init(vendor: 0x1B36, device: 0x0008, classCode: classCode))

    func read(region: Int, offset: UInt64, into bytes: UnsafeMutableRawBufferPointer) {}
    func write(region: Int, offset: UInt64, bytes: UnsafeRawBufferPointer) {}
}
