import Testing

@testable import Devices

@Suite struct Serial16550Tests {
    // MARK: Probing

    /// The accesses of Linux 6.1's `autoconfig` (drivers/tty/serial/8250/8250_port.c), in their order.
    @Test func linuxFindsA16550A() throws {
        let port = try SerialHarness().port

        port.write(0, to: 1)
        #expect(port.read(1) & 0x0f == 0)
        port.write(0x0f, to: 1)
        #expect(port.read(1) & 0x0f == 0x0f)
        port.write(0, to: 1)

        port.write(0x10 | 0x0a, to: 4)
        #expect(port.read(6) & 0xf0 == 0x90, "loop test")
        port.write(0, to: 4)
        #expect(port.read(6) & 0xf0 == 0xb0)

        port.write(0xbf, to: 3)
        port.write(0, to: 2)
        port.write(0, to: 3)
        #expect(port.read(2) >> 6 == 0)
        port.write(0x01, to: 2)
        #expect(port.read(2) >> 6 == 3, "16550A")

        // What sets its successors apart: an extended feature register, and 64-byte FIFOs.
        port.write(0x80, to: 3)
        #expect(port.read(2) != 0)
        port.write(0xbf, to: 3)
        #expect(port.read(2) != 0)
        port.write(0, to: 3)
        port.write(0x21, to: 2)
        #expect(port.read(2) >> 5 == 6)
    }

    @Test func loopbackCountsSixteenBytesOfFIFO() throws {
        let harness = try SerialHarness()
        let port = harness.port
        port.write(0x07, to: 2)
        port.write(0x10, to: 4)
        harness.send(0...255)
        #expect(port.read(5) & 0x02 == 0x02, "overrun")
        #expect(port.read(5) & 0x02 == 0, "reading the line status clears it")
        #expect(harness.drainReceiver() == Array(0...15))
        #expect(harness.console.ring.isEmpty, "nothing leaves the port")
    }

    /// `serial8250_do_startup` works round ports that do not raise the transmitter's interrupt each time it is
    /// enabled, with a timer.
    @Test func enablingTheTransmitterInterruptRaisesItEachTime() throws {
        let harness = try SerialHarness()
        for _ in 0..<2 {
            harness.port.write(0x02, to: 1)
            #expect(harness.takeEdges() == 1)
            #expect(harness.port.read(5) & 0x60 == 0x60)
            #expect(harness.port.read(2) & 0x0f == 0x02)
            #expect(harness.port.read(2) & 0x0f == 0x01, "reading the identification acknowledges it")
            harness.port.write(0, to: 1)
        }
    }

    @Test func divisorLatchHidesDataAndInterruptEnable() throws {
        let harness = try SerialHarness()
        let port = harness.port
        port.write(0x83, to: 3)
        port.write(0x34, to: 0)
        port.write(0x12, to: 1)
        #expect([port.read(0), port.read(1), port.read(3)] == [0x34, 0x12, 0x83])
        port.write(0x03, to: 3)
        #expect([port.read(0), port.read(1)] == [0, 0])
        #expect(harness.console.ring.isEmpty)
    }

    @Test func modemChangesAreReportedOnce() throws {
        let harness = try SerialHarness()
        let port = harness.port
        port.write(0x08, to: 1)
        port.write(0x14, to: 4)
        #expect(harness.takeEdges() == 1)
        #expect(port.read(2) & 0x0f == 0x00)
        #expect(port.read(6) == 0x4b, "only RI is up; CTS, DSR and DCD changed")
        #expect(port.read(6) == 0x40)
        port.write(0, to: 4)
        #expect(port.read(6) == 0xbf, "the end of RI is the one change of it that counts")
    }

    @Test(arguments: [8, 9, 0xffff, UInt64.max]) func beyondTheRegistersThereIsNothing(offset: UInt64) throws {
        let harness = try SerialHarness()
        let before = harness.port.state
        harness.port.write(0x55, to: offset)
        #expect(harness.port.read(offset) == 0xff)
        #expect(harness.port.state == before)
    }

    // MARK: Input

    @Test func inputRaisesAnEdgeAndIsIdentifiedByItsAmount() throws {
        let harness = try SerialHarness()
        harness.enableFIFOs()
        harness.port.write(0x05, to: 1)
        #expect(harness.receive(Array("0123456789abc".utf8)) == 13)
        #expect(harness.takeEdges() == 1)
        #expect(harness.port.read(2) == 0xcc, "below the trigger level of 14")
        #expect(harness.receive(Array("defghij".utf8)) == 3)
        #expect(harness.takeEdges() == 1, "more input raises another edge")
        #expect(harness.port.read(2) == 0xc4)
        #expect(harness.drainReceiver() == Array("0123456789abcdef".utf8))
        #expect(harness.port.read(2) == 0xc1)
        #expect(harness.takeEdges() == 0)
    }

    @Test func withoutFIFOsThereIsRoomForOneByte() throws {
        let harness = try SerialHarness()
        harness.port.write(0x01, to: 1)
        #expect(harness.receive([1, 2]) == 1)
        #expect(harness.port.read(2) == 0x04)
        #expect(harness.drainReceiver() == [1])
        #expect(harness.port.roomForInput() == 1)
    }

    @Test func inputWaitsUntilTheGuestListens() throws {
        let harness = try SerialHarness()
        harness.enableFIFOs()
        #expect(harness.port.roomForInput() == 0)
        #expect(!harness.takeWake())
        harness.port.write(0x01, to: 1)
        #expect(harness.takeWake(), "input that was held back is asked for")
        #expect(harness.port.roomForInput() == 16)
    }

    @Test func pollingTheLineStatusIsListeningToo() throws {
        let harness = try SerialHarness()
        harness.enableFIFOs()
        // A driver that prints looks at the line status as well, between the bytes.
        for _ in 0..<100 {
            _ = harness.port.read(5)
            harness.send([0x2e])
            _ = harness.port.read(5)
        }
        #expect(harness.port.roomForInput() == 0)
        for _ in 0..<16 { _ = harness.port.read(5) }
        #expect(harness.takeWake())
        #expect(harness.receive(Array("ok".utf8)) == 2)
        harness.send([0x2e])
        #expect(harness.port.roomForInput() == 14, "output does not end it")
        #expect(harness.drainReceiver() == Array("ok".utf8))
    }

    @Test func loopbackCutsInputOff() throws {
        let harness = try SerialHarness()
        harness.enableFIFOs()
        harness.port.write(0x01, to: 1)
        harness.port.write(0x10, to: 4)
        #expect(harness.receive([1]) == 0)
        harness.port.write(0x00, to: 4)
        #expect(harness.takeWake())
    }

    @Test func heldBackInputIsAskedForOnceWhenTheFIFOIsHalfEmpty() throws {
        let harness = try SerialHarness()
        harness.enableFIFOs()
        harness.port.write(0x01, to: 1)
        #expect(harness.receive([UInt8](repeating: 7, count: 20)) == 16)
        for left in stride(from: 15, through: 9, by: -1) {
            _ = harness.port.read(0)
            #expect(!harness.takeWake(), "\(left) left")
        }
        _ = harness.port.read(0)
        #expect(harness.takeWake())
        _ = harness.port.read(0)
        #expect(!harness.takeWake())
    }

    @Test func resettingTheReceiverEmptiesItButEnablingTheFIFOsDoesNot() throws {
        let harness = try SerialHarness()
        harness.port.write(0x01, to: 1)
        #expect(harness.receive([1]) == 1)
        harness.port.write(0x81, to: 2)
        #expect(harness.drainReceiver() == [1])
        #expect(harness.receive([2, 3]) == 2)
        harness.port.write(0x83, to: 2)
        #expect(harness.drainReceiver() == [])
        #expect(harness.receive([4, 5]) == 2)
        harness.port.write(0x00, to: 2)
        #expect(harness.drainReceiver() == [])
    }

    // MARK: Output

    @Test func aBurstRaisesOneEdgeAndSendsEverything() throws {
        let harness = try SerialHarness()
        harness.enableFIFOs()
        harness.port.write(0x02, to: 1)
        #expect(harness.takeEdges() == 1)
        for burst in 0..<100 {
            #expect(harness.port.read(2) == 0xc2)
            harness.send(repeatElement(UInt8(burst), count: 16))
            #expect(harness.takeEdges() == 1)
        }
        #expect(harness.takeOutput() == (0..<100).flatMap { [UInt8](repeating: UInt8($0), count: 16) })
        #expect(harness.port.lostOutput == 0)
    }

    @Test func aFullRingStallsTheTransmitterUntilThereIsRoomForABurst() throws {
        let harness = try SerialHarness(outputCapacity: 64)
        harness.enableFIFOs()
        harness.port.write(0x02, to: 1)
        harness.send(0..<48)
        #expect(harness.port.read(5) & 0x60 == 0x60)
        harness.send(48..<50)
        #expect(harness.port.read(5) & 0x60 == 0, "14 bytes of room are less than a burst")
        #expect(harness.port.read(2) == 0xc1)
        harness.send(50..<70)
        #expect(harness.port.lostOutput == 6)
        _ = harness.takeEdges()

        #expect(harness.takeOutput(15) == Array(0..<15))
        #expect(harness.takeEdges() == 0)
        #expect(harness.takeOutput(1) == [15])
        #expect(harness.takeEdges() == 1)
        #expect(harness.port.read(5) & 0x60 == 0x60)
        #expect(harness.port.read(2) == 0xc2)
        #expect(harness.takeOutput() == Array(16..<64))
    }

    // MARK: Interrupts

    @Test func prioritiesAreThoseOfTheDataSheet() throws {
        let harness = try SerialHarness()
        let port = harness.port
        port.write(0x01, to: 2)
        port.write(0x10, to: 4)
        harness.send(0..<17)
        port.write(0x0f, to: 1)
        var seen: [UInt8] = []
        seen.append(port.read(2) & 0x0f)
        _ = port.read(5)
        seen.append(port.read(2) & 0x0f)
        _ = harness.drainReceiver()
        seen.append(port.read(2) & 0x0f)
        seen.append(port.read(2) & 0x0f)
        _ = port.read(6)
        seen.append(port.read(2) & 0x0f)
        #expect(seen == [0x06, 0x04, 0x02, 0x00, 0x01])
    }

    /// A driver that serves one source for each edge comes round to all of them.
    @Test func servingOneSourceRaisesAnEdgeForTheNext() throws {
        let harness = try SerialHarness()
        harness.enableFIFOs()
        harness.port.write(0x03, to: 1)
        #expect(harness.receive([1, 2]) == 2)
        #expect(harness.takeEdges() == 2)
        #expect(harness.port.read(2) == 0xcc)
        _ = harness.port.read(0)
        #expect(harness.takeEdges() == 0)
        _ = harness.port.read(0)
        #expect(harness.takeEdges() == 1)
        #expect(harness.port.read(2) == 0xc2)
        #expect(harness.takeEdges() == 0)
    }

    // MARK: A hostile guest

    /// Whatever is written where, the port goes on, takes no more input than it said, and its saved state can
    /// be restored.
    @Test(arguments: 0..<8) func anyAccessesLeaveAWorkingPort(seed: UInt64) throws {
        let harness = try SerialHarness(outputCapacity: 64)
        var random = SplitMix(state: seed)
        for _ in 0..<20_000 {
            let value = UInt8(truncatingIfNeeded: random.next())
            switch random.next() % 8 {
            case 0...3: harness.port.write(value, to: random.next() % 9)
            case 4...5: _ = harness.port.read(random.next() % 9)
            case 6:
                let room = harness.port.roomForInput()
                let taken = harness.receive([UInt8](repeating: value, count: Int(value % 32)))
                #expect(taken == min(room, Int(value % 32)))
            default: _ = harness.takeOutput(Int(value))
            }
        }
        let state = harness.port.state
        #expect(try Coding.roundTrip(state) == state)

        for (offset, value) in [(3, 0x03), (4, 0x00), (1, 0x00), (2, 0x07), (1, 0x03)] as [(UInt64, UInt8)] {
            harness.port.write(value, to: offset)
        }
        _ = harness.takeOutput()
        _ = harness.takeEdges()
        harness.send(Array("still".utf8))
        #expect(harness.takeOutput() == Array("still".utf8))
        #expect(harness.receive(Array("here".utf8)) == 4)
        #expect(harness.takeEdges() >= 1)
        #expect(harness.drainReceiver() == Array("here".utf8))
    }

    private struct SplitMix {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
            return mixed ^ mixed >> 31
        }
    }

    // MARK: Snapshots

    @Test func restoredPortGoesOnWhereItWas() throws {
        let first = try SerialHarness(outputCapacity: 64)
        first.enableFIFOs()
        first.port.write(0x03, to: 1)
        first.send(0..<60)
        #expect(first.receive(Array("state".utf8)) == 5)
        _ = first.port.read(2)

        let saved = try Coding.roundTrip(first.port.state)
        #expect(saved == first.port.state)
        let second = try SerialHarness(outputCapacity: 64)
        second.port.restore(saved)
        #expect(second.takeEdges() == 1)
        #expect(second.drainReceiver() == Array("state".utf8))
        #expect(second.port.read(2) == 0xc2, "the stalled transmitter is empty now")
    }

    @Test func savedReceiverBeyondItsCapacityIsRefused() throws {
        #expect(try Coding.decode(ReceiveFIFO.self, from: [UInt8](repeating: 1, count: 16)).count == 16)
        #expect(throws: DecodingError.self) {
            try Coding.decode(ReceiveFIFO.self, from: [UInt8](repeating: 1, count: 17))
        }
    }
}
