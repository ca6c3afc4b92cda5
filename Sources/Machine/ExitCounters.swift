import Synchronization

/// What a vCPU's exits to the monitor were for.
public enum ExitKind: Int, CaseIterable, Sendable {
    case serialRead, serialWrite, controlPort, configurationPort, unmappedPortRead, unmappedPortWrite
    case deviceRegisterRead, deviceRegisterWrite, unmappedMemoryRead, unmappedMemoryWrite, signal, other

    public var isPort: Bool { rawValue <= ExitKind.unmappedPortWrite.rawValue }

    public var description: String {
        switch self {
        case .serialRead: "serial port reads"
        case .serialWrite: "serial port writes"
        case .controlPort: "power, reset and debug ports"
        case .configurationPort: "PCI configuration ports"
        case .unmappedPortRead: "reads of ports without a device"
        case .unmappedPortWrite: "writes to ports without a device"
        case .deviceRegisterRead: "reads of devices' registers"
        case .deviceRegisterWrite: "writes to devices' registers"
        case .unmappedMemoryRead: "reads of memory without a device"
        case .unmappedMemoryWrite: "writes to memory without a device"
        case .signal: "signals"
        case .other: "others"
        }
    }
}

/// How often a vCPU came back to the monitor, by kind. One thread counts, any thread may read.
public final class ExitCounters: Sendable {
    private let counts: InlineArray<12, Atomic<UInt64>>

    init() {
        counts = InlineArray { _ in Atomic(0) }
    }

    func count(_ kind: ExitKind) {
        counts[kind.rawValue].wrappingAdd(1, ordering: .relaxed)
    }

    public subscript(kind: ExitKind) -> UInt64 {
        counts[kind.rawValue].load(ordering: .relaxed)
    }
}
