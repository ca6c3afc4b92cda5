/// One thing that a hostile driver does.
struct HostileCase {
    let name: StaticString
    /// The device type that it is for; nil for all.
    var type: UInt32?
    /// nil when the device did as it should, else a complaint.
    let attack: (inout Attack) -> StaticString?

    init(_ name: StaticString, _ type: UInt32? = nil, _ attack: @escaping (inout Attack) -> StaticString?) {
        self.name = name
        self.type = type
        self.attack = attack
    }
}

/// Tries cases on every virtio device, and sees after each whether the device works for a driver that keeps the rules.
/// A line for each case says how it went; it begins with `ok`, or with `FAILED` and ends with why.
struct HostileRun {
    private let startInfo: StartInfo
    private let cases: UnsafeBufferPointer<HostileCase>
    private let isForPCI: Bool
    private var arena: Arena
    private var count: UInt64 = 0
    private var failures: UInt64 = 0

    /// - Parameter isForPCI: leaves out what is not on PCI.
    /// - Returns: the exit status, 1 when a case failed or there was none.
    static func of<let count: Int>(
        _ cases: InlineArray<count, HostileCase>, _ startInfo: UnsafeRawPointer, isForPCI: Bool = false
    ) -> UInt8 {
        cases.span.withUnsafeBufferPointer { cases in
            let startInfo = StartInfo(startInfo)
            var run = HostileRun(startInfo: startInfo, cases: cases, isForPCI: isForPCI, arena: Arena(startInfo))
            withUnsafeMutablePointer(to: &run) { run in
                UserMode.run({ $0?.assumingMemoryBound(to: HostileRun.self).pointee.perform() }, run)
            }
            return run.failures == 0 && run.count > 0 ? 0 : 1
        }
    }

    private mutating func perform() {
        let only = Parameters(startInfo).value(of: "only")
        VirtioDiscovery.forEachDevice(startInfo) { device in
            if isForPCI, device.pci == nil { return }
            var attack = Attack(device, startInfo, &arena)
            report("device.works", device, attack.worksAfterReset())
            for index in cases.indices {
                let hostile = cases[index]
                if let type = hostile.type, type != device.type { continue }
                if let only, !isEqual(only, hostile.name) { continue }
                report(hostile.name, device, hostile.attack(&attack) ?? attack.worksAfterReset())
            }
            device.reset()
        }
        Console.write("hostile: ")
        Console.write(decimal: count)
        Console.write(" cases, failed: ")
        Console.write(decimal: failures)
        Console.write("\n")
    }

    private mutating func report(_ name: StaticString, _ device: VirtioTransport, _ complaint: StaticString?) {
        count += 1
        if complaint != nil { failures += 1 }
        Console.write(complaint == nil ? "ok " : "FAILED ")
        Console.write(name)
        Console.write(" ")
        Console.write(VirtioType.name(device.type))
        Console.write(" ")
        Console.write(device.name)
        if let complaint {
            Console.write(": ")
            Console.write(complaint)
        }
        Console.write("\n")
    }
}

private func isEqual(_ bytes: UnsafeBufferPointer<UInt8>, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for index in bytes.indices where bytes[index] != text.utf8Start[index] { return false }
    return true
}
