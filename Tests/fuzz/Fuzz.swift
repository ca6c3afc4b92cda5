import CFuzzer
import Glibc

/// Runs the target that `FUZZ_TARGET` names under libFuzzer, whose options are the arguments.
///
/// With `FUZZ_SEEDS=DIR` it writes the target's seeds there in place of running.
@main
struct Fuzz {
    static func main() throws {
        guard let name = getenv("FUZZ_TARGET").map({ String(cString: $0) }), let target = targets[name] else {
            print("FUZZ_TARGET must be one of: \(targets.keys.sorted().joined(separator: ", "))")
            exit(2)
        }
        if let directory = getenv("FUZZ_SEEDS").map({ String(cString: $0) }) {
            for (number, seed) in target.seeds.enumerated() { write(seed, to: "\(directory)/\(number)") }
            return
        }
        current = target
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(
            LLVMFuzzerRunDriver(&count, &arguments) { data, size in
                Fuzz.current?.run(UnsafeRawBufferPointer(start: data, count: size))
                return 0
            })
    }

    /// libFuzzer's callback has no context.
    nonisolated(unsafe) private static var current: (any FuzzTarget)?

    private static let targets: [String: any FuzzTarget] = [
        "queue": QueueTarget(), "mmio": RegisterTarget(), "pci": PCITarget(),
        "entropy": .entropy, "block": .block, "net": DeviceTarget.net, "vsock": .vsock, "balloon": .balloon,
        "console": .console, "fuse": ShareTarget(),
    ]

    private static func write(_ bytes: [UInt8], to path: String) {
        guard let file = fopen(path, "w") else { return perror(path) }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }
}

/// A part of the monitor that takes bytes from a guest.
protocol FuzzTarget: Sendable {
    /// Inputs of good behaviour, for the fuzzer to spoil.
    var seeds: [[UInt8]] { get }

    /// Must neither trap, hang nor touch memory that is not the guest's, whatever the input.
    func run(_ input: UnsafeRawBufferPointer)
}
