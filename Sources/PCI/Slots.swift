import Linux

/// The slots of a bus, into which functions are plugged and out of which they are taken while the guest runs: three
/// registers of 32 bits, which ACPI describes to guests (`Boot`), with a bit for each device number.
///
/// `inserted` and `removals` tell what has changed since they were last read; as long as they do, an interrupt line is
/// high, so that no change is lost on a guest that is not listening yet. A guest that has let go of a device says so in
/// `ejected`. Nothing comes of that unless somebody waits for it: a guest cannot get rid of a device by itself.
public final class Slots: Sendable {
    /// Bytes of the registers.
    public static let size: UInt16 = 12

    private enum Register {
        static let inserted: UInt16 = 0
        static let removals: UInt16 = 4
        static let ejected: UInt16 = 8
        static let width = 4
    }

    /// Bits by device number.
    public struct State: Codable, Equatable, Sendable {
        /// Devices that have come and that the guest has not been told of.
        public fileprivate(set) var inserted: UInt32 = 0
        /// Devices that the guest is to let go of and has not been told of.
        public fileprivate(set) var removals: UInt32 = 0
        /// Devices whose ejection is waited for.
        public fileprivate(set) var awaited: UInt32 = 0
    }

    private struct Guarded {
        var state = State()
        /// Devices that are off the bus, as those who wait for it have to find out.
        var gone: UInt32 = 0
        var isClosed = false
    }

    /// What became of the wish that a guest lets go of a device.
    public enum Removal: Equatable, Sendable {
        /// The device is off the bus.
        case ejected
        /// The guest has not done it in time, or before that was given up; what it does from now on has no effect.
        case timedOut
        /// The machine has come to its end before.
        case closed
    }

    private let bus: Bus
    private let devices: [UInt8]
    private let setInterrupt: @Sendable (Bool) -> Void
    private let guarded = ConditionLock(Guarded())

    /// - Parameters:
    ///   - devices: the device numbers that are slots, as the guest is told.
    ///   - setInterrupt: raises the guest's interrupt line, or lowers it.
    public init(of bus: Bus, devices: [UInt8], setInterrupt: @escaping @Sendable (Bool) -> Void) {
        self.bus = bus
        self.devices = devices
        self.setInterrupt = setInterrupt
    }

    public var state: State { guarded.withLock { $0.state } }

    // MARK: For the machine

    /// Puts a function into a free slot, alone and with regions that the guest has to place.
    ///
    /// - Parameters: as for `Bus.attach`.
    /// - Throws: `BusError` when no slot is free.
    public func plug(
        _ function: any Function, configuration: ConfigurationSpace, regions: [MemoryRegion],
        msix: (vectors: MSIX, register: Int)? = nil
    ) throws(BusError) -> FunctionAddress {
        try bus.plug(function, configuration: configuration, regions: regions, msix: msix, into: devices)
    }

    /// Tells the guest that there is a device of this number.
    public func announce(_ device: UInt8) {
        change { $0.state.inserted |= Self.bit(device) }
    }

    /// Has the guest let go of a device, and waits for that; once for a device at a time.
    ///
    /// - Parameters:
    ///   - timeout: nanoseconds that the guest may take.
    ///   - isGivenUp: whether to wait no more, looked at again with every change and after `reconsider`.
    public func remove(_ device: UInt8, timeout: UInt64, unless isGivenUp: () -> Bool = { false }) -> Removal {
        let bit = Self.bit(device)
        let deadline = monotonicNanoseconds().addingReportingOverflow(timeout)
        change { guarded in
            guarded.state.removals |= bit
            guarded.state.awaited |= bit
        }
        guarded.wait(until: deadline.overflow ? .max : deadline.partialValue) {
            $0.gone & bit != 0 || $0.isClosed || isGivenUp()
        }
        let isBeingEjected = change { guarded in
            defer { guarded.state.withdrawRemovals(bit) }
            return guarded.state.awaited & bit == 0
        }
        if isBeingEjected {
            guarded.wait { $0.gone & bit != 0 }
            guarded.withLock { $0.gone &= ~bit }
            return .ejected
        }
        return guarded.withLock { $0.isClosed } ? .closed : .timedOut
    }

    /// Has all who wait look whether that is given up.
    public func reconsider() {
        guarded.withLock { _ in }
    }

    /// Lets nobody wait any more; no vCPU may run.
    public func close() {
        change { $0.isClosed = true }
    }

    // MARK: For the guest

    /// Reads a register `offset` bytes from the first; reading is being told. Ones where none is, or in another width.
    public func read(offset: UInt16, into bytes: UnsafeMutableRawBufferPointer) {
        guard bytes.count == Register.width else { return bytes.storeOnes() }
        let value: UInt32? = change { guarded in
            switch offset {
            case Register.inserted: return guarded.state.inserted.take()
            case Register.removals: return guarded.state.removals.take()
            case Register.ejected: return 0
            default: return nil
            }
        }
        bytes.storeLittleEndian(value.map(UInt64.init) ?? .max)
    }

    /// Writes a register: those devices of `ejected` go off the bus for which somebody waits.
    public func write(offset: UInt16, bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Register.width, offset == Register.ejected else { return }
        let value = UInt32(truncatingIfNeeded: bytes.loadLittleEndian())
        let ejected = change { guarded in
            let ejected = value & guarded.state.awaited
            guarded.state.withdrawRemovals(ejected)
            guarded.state.inserted &= ~ejected
            return ejected
        }
        guard ejected != 0 else { return }
        for device in UInt8(0)..<32 where ejected & Self.bit(device) != 0 { bus.detach(device: device) }
        guarded.withLock { $0.gone |= ejected }
    }

    private static func bit(_ device: UInt8) -> UInt32 { 1 << UInt32(device) }

    /// Changes the registers, and the interrupt line with them.
    @discardableResult
    private func change<Result>(_ body: (inout Guarded) -> Result) -> Result {
        guarded.withLock { guarded in
            let before = guarded.state.hasNews
            defer { if guarded.state.hasNews != before { setInterrupt(!before) } }
            return body(&guarded)
        }
    }
}

extension Slots.State {
    fileprivate var hasNews: Bool { inserted | removals != 0 }

    fileprivate mutating func withdrawRemovals(_ bits: UInt32) {
        removals &= ~bits
        awaited &= ~bits
    }
}

extension UInt32 {
    /// The value, which becomes zero.
    fileprivate mutating func take() -> UInt32 {
        defer { self = 0 }
        return self
    }
}
