import Devices

/// The machine's ports: which device answers at which, a byte at a time, as on an 8-bit ISA bus.
struct PortBus: Sendable {
    /// COM1; nil when there is none.
    let serial: Serial16550?
    /// Whether the PCI bus has its ports, which are of other widths and served elsewhere.
    let hasPCI: Bool

    /// What a write can mean to the machine.
    enum Effect: Equatable {
        case request(MachineRequest)
        case milestone(UInt8)
        case exit(UInt8)
    }

    private static let com1Ports = Layout.com1..<Layout.com1 + 8

    func read(_ port: UInt16) -> UInt8 {
        switch port {
        case Self.com1Ports: serial?.read(UInt64(port - Layout.com1)) ?? 0xFF
        case Layout.keyboardControllerCommand: KeyboardController.status
        case Layout.pvpanic: PanicNotifier.capabilities
        case Layout.sleepControl, Layout.sleepStatus, Layout.reset: 0
        default: 0xFF
        }
    }

    func write(_ value: UInt8, to port: UInt16) -> Effect? {
        switch port {
        case Self.com1Ports:
            serial?.write(value, to: UInt64(port - Layout.com1))
            return nil
        case Layout.keyboardControllerCommand: return KeyboardController.writeCommand(value).map(Effect.request)
        case Layout.pvpanic: return PanicNotifier.write(value).map(Effect.request)
        case Layout.sleepControl: return PowerRegisters.writeSleepControl(value).map(Effect.request)
        case Layout.reset: return PowerRegisters.writeReset(value).map(Effect.request)
        case Layout.milestone: return .milestone(value)
        case Layout.debugExit: return .exit(value)
        default: return nil
        }
    }

    func exitKind(_ port: UInt16, isWrite: Bool) -> ExitKind {
        switch port {
        case Self.com1Ports: isWrite ? .serialWrite : .serialRead
        case Layout.keyboardControllerCommand, Layout.pvpanic, Layout.sleepControl, Layout.sleepStatus, Layout.reset,
            Layout.milestone, Layout.debugExit:
            .controlPort
        case _ where hasPCI && PCIHost.hasPort(port): .configurationPort
        default: isWrite ? .unmappedPortWrite : .unmappedPortRead
        }
    }
}
