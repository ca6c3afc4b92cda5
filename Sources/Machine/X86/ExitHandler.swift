import Devices
import GuestMemory
import KVM

/// Serves the exits of all vCPUs.
struct ExitHandler: Sendable {
    let ports: PortBus
    let memoryBus: MemoryBus
    let pci: PCIHost?
    let memory: GuestMemory
    let events: EventLog

    /// Serves one exit, on the vCPU's thread.
    ///
    /// - Returns: the machine's outcome, when this exit is its end.
    func handle(_ exit: VCPUExit, of thread: VCPUThread) -> Outcome? {
        switch exit {
        case .portRead(let port, let size, let bytes):
            thread.exits.count(ports.exitKind(port, isWrite: false))
            if pci?.read(port: port, size: size, into: bytes) ?? false { return nil }
            for index in bytes.indices { bytes[index] = ports.read(port &+ UInt16(index % size)) }
            return nil
        case .portWrite(let port, let size, let bytes):
            thread.exits.count(ports.exitKind(port, isWrite: true))
            if pci?.write(port: port, size: size, bytes) ?? false { return nil }
            for index in bytes.indices {
                let effect = ports.write(bytes[index], to: port &+ UInt16(index % size))
                if let effect, let outcome = apply(effect) { return outcome }
            }
            return nil
        case .memoryRead(let address, let bytes):
            let isMapped = memoryBus.read(address, into: bytes)
            thread.exits.count(isMapped ? .deviceRegisterRead : .unmappedMemoryRead)
            if !isMapped {
                for index in bytes.indices { bytes[index] = 0xFF }
            }
            return nil
        case .memoryWrite(let address, let bytes):
            let isMapped = memoryBus.write(address, bytes)
            thread.exits.count(isMapped ? .deviceRegisterWrite : .unmappedMemoryWrite)
            return nil
        default:
            thread.exits.count(.other)
            return ending(exit, thread.vcpu)
        }
    }

    private func apply(_ effect: PortBus.Effect) -> Outcome? {
        switch effect {
        case .request(.powerOff): return .poweredOff(code: 0)
        case .request(.reset): return .reset
        case .request(.panicked): events.reportPanic()
        case .milestone(let value): events.mark(.guest(value))
        case .exit(let code): return .poweredOff(code: code)
        }
        return nil
    }

    private func ending(_ exit: VCPUExit, _ vcpu: borrowing VCPU) -> Outcome {
        func report(_ what: String) -> FaultReport {
            FaultReport("vCPU \(vcpu.id) \(what)", vcpu: vcpu, memory: memory)
        }
        switch exit {
        case .shutdown:
            return .fault(report("shut down after a triple fault"))
        case .internalError(let suberror) where suberror == Self.emulationFailure:
            return .fault(report("reached an instruction that KVM cannot execute"))
        case .internalError(let suberror):
            return .fault(report("met KVM's internal error \(suberror)"))
        case .failedEntry(let reason):
            return .failed(report("was refused by the processor, for reason 0x\(String(reason, radix: 16))"))
        case .refused(let error):
            return .failed(report("cannot run: \(error)"))
        default:
            return .failed(report("left the guest for a reason unknown to this monitor: \(exit)"))
        }
    }

    /// `KVM_INTERNAL_ERROR_EMULATION`.
    private static let emulationFailure: UInt32 = 1
}
