extension Serial16550 {
    /// All that the guest can see of the port, and what becomes of it at each access.
    ///
    /// The transmitter takes no time: a byte is sent as soon as it is written. The transmitter counts as empty
    /// while the output ring has room for a whole transmit FIFO, so that a driver which then writes 16 bytes
    /// without looking loses none.
    public struct State: Codable, Equatable, Sendable {
        /// Bytes a driver may write once it has seen the transmitter empty.
        static let transmitBurst = 16
        /// Reads of the line status, without a write in between, after which the guest counts as waiting for
        /// input. A driver waiting for the transmitter looks once or twice.
        static let idlePollsBeforeInput: UInt8 = 16

        private var interruptEnable: InterruptEnable = []
        /// Bytes that count as a full load for the receiver; nil while the FIFOs are disabled.
        private var fifoTrigger: Int?
        private var lineControl: UInt8 = 0
        private var modemControl: ModemControl = []
        private var modemChanges: ModemStatus = []
        private var scratch: UInt8 = 0
        /// 9600 baud, as firmware leaves it. Kept for the guest to read; nothing is paced by it.
        private var divisor: UInt16 = 12
        private var received = ReceiveFIFO()
        private var overrun = false
        /// The transmitter became empty, and the guest has neither read so in the interrupt identification
        /// nor filled the transmitter since.
        private var transmitterEmptyUnread = false
        /// The transmitter was left full by the last byte; its becoming empty is still to be told.
        private var transmitterStalled = false
        private var idlePolls: UInt8 = 0
        /// Bytes the guest wrote to a full transmitter.
        public private(set) var lostOutput: UInt64 = 0

        public init() {}

        // MARK: Register accesses

        /// Reads a register; all ones beyond the last one.
        mutating func read(_ register: UInt64, transmitterEmpty: Bool) -> UInt8 {
            noticeTransmitter(empty: transmitterEmpty)
            switch register {
            case SerialRegister.data:
                return dividing ? UInt8(truncatingIfNeeded: divisor) : received.popFirst() ?? 0
            case SerialRegister.interruptEnable:
                return dividing ? UInt8(truncatingIfNeeded: divisor >> 8) : interruptEnable.rawValue
            case SerialRegister.interruptIdentification: return readInterruptIdentification()
            case SerialRegister.lineControl: return lineControl
            case SerialRegister.modemControl: return modemControl.rawValue
            case SerialRegister.lineStatus: return readLineStatus(transmitterEmpty: transmitterEmpty)
            case SerialRegister.modemStatus:
                defer { modemChanges = [] }
                return modemLines.union(modemChanges).rawValue
            case SerialRegister.scratch: return scratch
            default: return 0xff
            }
        }

        /// Writes a register; the read-only ones and what lies beyond the last one stay as they are.
        mutating func write(_ value: UInt8, to register: UInt64, output: OutputRing) {
            noticeTransmitter(empty: output.room >= Self.transmitBurst)
            switch register {
            case SerialRegister.data where dividing:
                divisor = divisor & 0xff00 | UInt16(value)
            case SerialRegister.interruptEnable where dividing:
                divisor = divisor & 0x00ff | UInt16(value) << 8
            case SerialRegister.data:
                transmit(value, output: output)
            case SerialRegister.interruptEnable:
                idlePolls = 0
                let wasEnabled = interruptEnable.contains(.transmitterEmpty)
                interruptEnable = InterruptEnable(rawValue: value).intersection(.implemented)
                // Enabling the interrupt while the transmitter is empty raises it, which Linux relies on.
                if !wasEnabled, interruptEnable.contains(.transmitterEmpty), !transmitterStalled {
                    transmitterEmptyUnread = true
                }
            case SerialRegister.interruptIdentification:
                writeFIFOControl(value)
            case SerialRegister.lineControl:
                lineControl = value
            case SerialRegister.modemControl:
                let before = modemLines
                modemControl = ModemControl(rawValue: value).intersection(.implemented)
                noticeModemChange(from: before)
            case SerialRegister.scratch:
                scratch = value
            default:
                break
            }
        }

        private var dividing: Bool { lineControl & LineControl.divisorLatchAccess != 0 }

        private mutating func readInterruptIdentification() -> UInt8 {
            let fifos = fifoTrigger == nil ? 0 : InterruptIdentification.fifosEnabled
            let pending = pending
            if pending.contains(.lineStatus) { return fifos | InterruptIdentification.lineStatus }
            if pending.contains(.receivedData) {
                // Less than the trigger level is due after a pause of four characters, and the host's bytes
                // were there before that.
                let full = received.count >= fifoTrigger ?? 1
                let identification =
                    full ? InterruptIdentification.receivedData : InterruptIdentification.characterTimeout
                return fifos | identification
            }
            if pending.contains(.transmitterEmpty) {
                transmitterEmptyUnread = false
                return fifos | InterruptIdentification.transmitterEmpty
            }
            if pending.contains(.modemStatus) { return fifos | InterruptIdentification.modemStatus }
            return fifos | InterruptIdentification.none
        }

        private mutating func readLineStatus(transmitterEmpty: Bool) -> UInt8 {
            var status: LineStatus = []
            if !received.isEmpty { status.insert(.dataReady) }
            if overrun { status.insert(.overrun) }
            if transmitterEmpty { status.formUnion([.holdingRegisterEmpty, .transmitterEmpty]) }
            overrun = false
            if transmitterEmpty, received.isEmpty, idlePolls < Self.idlePollsBeforeInput { idlePolls += 1 }
            return status.rawValue
        }

        private mutating func writeFIFOControl(_ value: UInt8) {
            idlePolls = 0
            let enabled = value & FIFOControl.enable != 0
            let wasEnabled = fifoTrigger != nil
            // Enabling the FIFOs alone keeps a byte that is already there, as if it had come just after: Linux
            // takes input a few accesses before it enables them.
            if enabled ? value & FIFOControl.resetReceiver != 0 : wasEnabled {
                received.removeAll()
            }
            let triggers = [1, 4, 8, 14] as [4 of Int]
            fifoTrigger = enabled ? triggers[Int(value >> FIFOControl.triggerShift)] : nil
        }

        // MARK: Data

        private mutating func transmit(_ byte: UInt8, output: OutputRing) {
            if idlePolls < Self.idlePollsBeforeInput { idlePolls = 0 }
            if modemControl.contains(.loopback) {
                receive(byte)
                transmitterEmptyUnread = true
                return
            }
            if !output.append(byte) { lostOutput &+= 1 }
            let empty = output.room >= Self.transmitBurst
            transmitterEmptyUnread = empty
            transmitterStalled = !empty
        }

        /// Puts a byte into the receiver, which is overrun when it is full.
        private mutating func receive(_ byte: UInt8) {
            if fifoTrigger == nil {
                // Without FIFOs the new byte takes the place of the unread one.
                if received.popFirst() != nil { overrun = true }
                _ = received.append(byte)
            } else if !received.append(byte) {
                overrun = true
            }
        }

        /// Takes as many of the host's bytes as there is room for.
        ///
        /// - Returns: how many those were.
        mutating func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
            let count = min(bytes.count, roomForInput)
            for byte in bytes.prefix(count) { receive(byte) }
            return count
        }

        /// How many bytes of input the receiver takes now.
        ///
        /// None in loopback mode, where the receiver is cut off from the line; and none before the guest
        /// listens, since drivers throw away what they find in the receiver when they start.
        var roomForInput: Int {
            guard !modemControl.contains(.loopback) else { return 0 }
            guard interruptEnable.contains(.receivedData) || idlePolls >= Self.idlePollsBeforeInput else { return 0 }
            return max(inputCapacity - received.count, 0)
        }

        /// Whether the receiver has emptied so far that it is worth fetching more.
        var hungry: Bool { roomForInput > 0 && received.count <= inputCapacity / 2 }

        private var inputCapacity: Int { fifoTrigger == nil ? 1 : ReceiveFIFO.capacity }

        /// Whether the guest is to be told when the transmitter is empty again.
        var awaitsTransmitter: Bool { transmitterStalled }

        /// Makes a stalled transmitter's becoming empty an event.
        mutating func noticeTransmitter(empty: Bool) {
            if transmitterStalled, empty {
                transmitterStalled = false
                transmitterEmptyUnread = true
            }
        }

        // MARK: Modem lines

        /// The far end is always there and ready; in loopback mode the port's own outputs come back instead.
        private var modemLines: ModemStatus {
            guard modemControl.contains(.loopback) else { return [.clearToSend, .dataSetReady, .carrier] }
            var lines: ModemStatus = []
            if modemControl.contains(.requestToSend) { lines.insert(.clearToSend) }
            if modemControl.contains(.dataTerminalReady) { lines.insert(.dataSetReady) }
            if modemControl.contains(.output1) { lines.insert(.ring) }
            if modemControl.contains(.output2) { lines.insert(.carrier) }
            return lines
        }

        private mutating func noticeModemChange(from before: ModemStatus) {
            let changed = before.symmetricDifference(modemLines)
            if changed.contains(.clearToSend) { modemChanges.insert(.clearToSendChanged) }
            if changed.contains(.dataSetReady) { modemChanges.insert(.dataSetReadyChanged) }
            if changed.contains(.ring), before.contains(.ring) { modemChanges.insert(.ringEnded) }
            if changed.contains(.carrier) { modemChanges.insert(.carrierChanged) }
        }

        // MARK: Interrupts

        /// The conditions that hold the interrupt line up: what has happened and is enabled. The bits are those
        /// of the interrupt enable register.
        var pending: InterruptEnable {
            var sources: InterruptEnable = []
            if !received.isEmpty { sources.insert(.receivedData) }
            if transmitterEmptyUnread { sources.insert(.transmitterEmpty) }
            if overrun { sources.insert(.lineStatus) }
            if !modemChanges.isEmpty { sources.insert(.modemStatus) }
            return sources.intersection(interruptEnable)
        }
    }
}
