import Instructions

/// Measures the first block device, from user mode: says `measuring` when it begins to, and then reports in nanoseconds.
/// Parameters, with what they are without:
///
/// - `operation=read`, `write`, `id` (a request without I/O) or `notify` (a notification without a request)
/// - `operations=10000`, `block=4096` (bytes), `depth=1` (requests under way)
/// - `sequential`: one block after the other, and not anywhere
/// - `interrupts`: waits for interrupts and does not look at the used ring all the time
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    let startInfo = StartInfo(startInfo)
    var arena = Arena(startInfo)
    var benchmark = Benchmark(startInfo, &arena)
    withUnsafeMutablePointer(to: &benchmark) { benchmark in
        UserMode.run(
            { argument in argument?.assumingMemoryBound(to: Benchmark.self).pointee.run() }, benchmark)
    }
    return 0
}

private var interruptVector: UInt8 { 0x30 }

private struct Benchmark {
    enum Operation {
        case request(UInt32)
        case notify
    }

    let operation: Operation
    let operations: Int
    let blockSize: UInt32
    let depth: UInt16
    let isSequential: Bool
    let usesInterrupts: Bool
    /// Blocks on the device.
    let blocks: UInt64
    let clock: KVMClock
    var block: VirtioBlock
    let buffers: UnsafeMutableRawPointer
    /// Cycles that each operation took.
    let samples: UnsafeMutablePointer<UInt64>
    /// When the request in each slot was made.
    let starts: UnsafeMutablePointer<UInt64>

    private var started = 0
    private var finished = 0
    private var waits: UInt64 = 0
    private var position: UInt64 = 0
    private var random: UInt64 = 0x9E37_79B9_7F4A_7C15

    init(_ startInfo: StartInfo, _ arena: inout Arena) {
        let parameters = Parameters(startInfo)
        operation = Self.operation(parameters)
        operations = Int(parameters.number("operations", default: 10_000))
        blockSize = UInt32(parameters.number("block", default: 4096))
        depth = UInt16(parameters.number("depth", default: 1))
        isSequential = parameters.has("sequential")
        usesInterrupts = parameters.has("interrupts")
        require(operations > 0 && operations <= 1_000_000, "operations are from 1 to 1000000", status: 10)
        require(blockSize >= 512 && blockSize <= 1 << 20, "a block is from 512 to 1048576 bytes", status: 10)

        clock = KVMClock(&arena)
        block = VirtioBlock(VirtioDiscovery.first(VirtioType.block, startInfo), queueSize: 128, &arena)
        require(depth > 0 && depth <= block.depth, "the queue is too short for this depth", status: 11)
        if usesInterrupts { Self.routeInterrupts(block.device) }
        block.start(VirtioFeature.indirectDescriptors | VirtioFeature.eventIndex, msixEntry: usesInterrupts ? 0 : nil)
        blocks = block.capacity * UInt64(VirtioBlock.sectorSize) / UInt64(blockSize)
        require(blocks > 0, "the disk is smaller than a block", status: 12)

        buffers = arena.allocate(Int(blockSize) * Int(depth))
        samples = arena.allocate(operations * 8).bindMemory(to: UInt64.self, capacity: operations)
        starts = arena.allocate(Int(depth) * 8).bindMemory(to: UInt64.self, capacity: Int(depth))
    }

    private static func operation(_ parameters: Parameters) -> Operation {
        if parameters.has("operation=write") { return .request(VirtioBlock.write) }
        if parameters.has("operation=id") { return .request(VirtioBlock.getID) }
        if parameters.has("operation=notify") { return .notify }
        require(
            !parameters.has("operation") || parameters.has("operation=read"), "there is no such operation", status: 10)
        return .request(VirtioBlock.read)
    }

    private static func routeInterrupts(_ device: VirtioTransport) {
        LocalAPIC.enable()
        if let msix = device.pci?.msix {
            msix.write(control: MSIX.enable)
            msix.route(0, toVector: interruptVector, ofLocalAPIC: LocalAPIC.id)
        } else {
            // Which line a device has is for the machine to know; no other one is used.
            for line in 1..<UInt8(24) {
                IOAPIC.route(line: line, toVector: interruptVector, ofLocalAPIC: LocalAPIC.id)
            }
        }
    }

    // MARK: In user mode

    mutating func run() {
        block.queue.wantInterrupts(usesInterrupts)
        // The first operations find everything cold.
        let warmUp = min(operations, 200)
        measure(warmUp)
        waits = 0
        Console.write("measuring\n")
        let begin = rdtsc()
        measure(operations)
        report(cycles: rdtsc() - begin)
    }

    private mutating func measure(_ count: Int) {
        switch operation {
        case .notify:
            for index in 0..<count {
                let begin = rdtsc()
                block.queue.doorbell.ring()
                samples[index] = rdtsc() - begin
            }
        case .request(let type):
            started = 0
            finished = 0
            for slot in 0..<depth where started < count { submit(slot, type) }
            block.queue.publish()
            while finished < count { takeFinished(type, count) }
        }
    }

    private mutating func submit(_ slot: UInt16, _ type: UInt32) {
        if isSequential {
            position = position + 1 < blocks ? position + 1 : 0
        } else {
            // Marsaglia, "Xorshift RNGs".
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            position = random % blocks
        }
        let identifierLength: UInt32 = 20
        starts[Int(slot)] = rdtsc()
        block.submit(
            slot, type, sector: position * UInt64(blockSize) / UInt64(VirtioBlock.sectorSize),
            buffers + Int(slot) * Int(blockSize), length: type == VirtioBlock.getID ? identifierLength : blockSize)
        started += 1
    }

    /// Takes all that is finished, with new requests in its place, after it has waited for something.
    private mutating func takeFinished(_ type: UInt32, _ count: Int) {
        awaitUsed()
        while let slot = block.takeFinished() {
            samples[finished] = rdtsc() - starts[Int(slot)]
            finished += 1
            require(block.status(of: slot) == VirtioBlock.statusOK, "a request failed", status: 13)
            if started < count { submit(slot, type) }
        }
        block.queue.publish()
    }

    private mutating func awaitUsed() {
        if block.queue.hasUsed { return }
        let deadline = Deadline(megacycles: 40_000)
        guard usesInterrupts else {
            require(deadline.wait { block.queue.hasUsed }, "a request does not end", status: 14)
            return
        }
        let seen = InterruptTable.count(interruptVector)
        if block.queue.wantInterrupts(true) { return }
        waits += 1
        require(
            deadline.wait { InterruptTable.count(interruptVector) != seen }, "an interrupt does not come", status: 15)
        if block.device.pci == nil { _ = block.device.acknowledgeInterrupt() }
    }

    // MARK: The report

    private func report(cycles: UInt64) {
        sort(samples, operations)
        var sum: UInt64 = 0
        for index in 0..<operations { sum += samples[index] }
        line("operations", UInt64(operations))
        line("nanoseconds", clock.nanoseconds(cycles))
        line("mean", clock.nanoseconds(sum) / UInt64(operations))
        line("p50", clock.nanoseconds(samples[operations / 2]))
        line("p99", clock.nanoseconds(samples[operations * 99 / 100]))
        if usesInterrupts { line("waits", waits) }
    }

    private func line(_ name: StaticString, _ value: UInt64) {
        Console.write(name)
        Console.write(" ")
        Console.write(decimal: value)
        Console.write("\n")
    }
}

/// Heapsort.
private func sort(_ values: UnsafeMutablePointer<UInt64>, _ count: Int) {
    func sink(_ start: Int, _ end: Int) {
        var parent = start
        while 2 * parent + 1 < end {
            var child = 2 * parent + 1
            if child + 1 < end, values[child] < values[child + 1] { child += 1 }
            if values[parent] >= values[child] { return }
            (values[parent], values[child]) = (values[child], values[parent])
            parent = child
        }
    }
    for start in stride(from: count / 2 - 1, through: 0, by: -1) { sink(start, count) }
    for end in stride(from: count - 1, to: 0, by: -1) {
        (values[0], values[end]) = (values[end], values[0])
        sink(0, end)
    }
}
