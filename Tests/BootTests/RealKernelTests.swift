import Boot
import Foundation
import GuestMemory
import MachineConfiguration
import Testing

/// The path of a distribution's vmlinuz, from the environment.
private let kernelPath = getenv("SWIFTLET_TEST_KERNEL").map { String(cString: $0) }

@Suite(.enabled(if: kernelPath != nil, "set SWIFTLET_TEST_KERNEL to the path of a distribution's vmlinuz"))
struct RealKernelTests {
    private let path = kernelPath ?? ""

    private func bytes() throws -> [UInt8] {
        let source = try ByteSource(path: path)
        return try source.prefix(Int(source.count))
    }

    @Test func itIsUnpackedForPVHAndLeftAloneForItsOwnEntry() throws {
        let unpacked = try KernelImage(path: path)
        #expect(unpacked.bootProtocol == .pvh)
        #expect(isSound(unpacked))
        guard case .elf(let elf) = unpacked.content else { throw NotAsExpected.content }
        #expect(elf.start >= 1 << 20)
        let whole = try KernelImage(path: path, bootProtocol: .linux64)
        guard case .bzImage(let bzImage) = whole.content else { throw NotAsExpected.content }
        #expect(elf.end - elf.start <= bzImage.initSize)
        #expect(elf.start == bzImage.preferredAddress)
    }

    private enum NotAsExpected: Error { case content }

    /// Loads a kernel into memory of its own and hashes all that the plan calls the kernel's.
    private func loaded(_ kernel: KernelImage) throws -> [UInt8] {
        let machine = MachineDescription(memorySize: 128 << 20)
        let plan = try BootPlan(kernel: kernel, commandLine: KernelCommandLine([], limit: 0), machine: machine)
        let memory = try GuestMemory(size: 128 << 20)
        _ = try plan.load(into: memory)
        let range = plan.placement.kernel
        return try Array(memory.bytes(at: range.lowerBound, count: range.count))
    }

    @Test func theCacheChangesNothingOfWhatIsLoaded() throws {
        let directory = try TemporaryDirectory()
        let cache = KernelCache(directory: directory.path + "/kernels")
        let unpacked = try loaded(KernelImage(path: path))
        #expect(try loaded(KernelImage(path: path, cache: cache)) == unpacked)
        #expect(try loaded(KernelImage(path: path, cache: cache)) == unpacked)
        let entry = try FileManager.default.contentsOfDirectory(atPath: cache.directory).first { $0.count == 64 }
        let whole = try loaded(KernelImage(path: cache.directory + "/" + (entry ?? "")))
        #expect(whole == unpacked)
    }

    @Test func aSmallGuestIsToldHowMuchTheKernelNeeds() throws {
        for choice in BootProtocolChoice.allCases {
            let kernel = try KernelImage(path: path, bootProtocol: choice)
            let machine = MachineDescription(memorySize: 16 << 20)
            let error = #expect(throws: PlacementError.self) { try Placement(of: kernel, initrd: nil, in: machine) }
            #expect(error?.description.contains("ends at 16 MiB") == true)
        }
    }

    @Test func truncationIsAnError() throws {
        let whole = try bytes()
        let needed = try neededBytes(whole)
        let offsets =
            [0, 1, 0x1f0, 0x201, 0x26b, 1023, 1024] + stride(from: 2048, to: needed, by: 1_234_567) + [needed - 1]
        for count in offsets { #expect((try? open(Array(whole.prefix(count))).get()) == nil, "\(count) bytes") }
    }

    /// What follows the kernel proper, such as a signature, may be missing.
    private func neededBytes(_ whole: [UInt8]) throws -> Int {
        guard case .bzImage(let bzImage) = try open(whole, .linux64).get().content else { throw NotAsExpected.content }
        return Int(bzImage.kernelOffset + bzImage.kernelCount)
    }

    @Test func flippedHeaderBytesAreAnErrorOrSound() throws {
        let whole = try bytes()
        for index in 0x1f0..<0x290 {
            var flipped = whole
            flipped[index] ^= 0xff
            if case .success(let image) = open(flipped, .linux64) { #expect(isSound(image)) }
        }
    }

    @Test func damageWithinTheCompressedPartIsAnErrorOrSound() throws {
        let whole = try bytes()
        guard case .bzImage(let bzImage) = try open(whole, .linux64).get().content else { throw NotAsExpected.content }
        let payload = Int(bzImage.payloadOffset)..<Int(bzImage.payloadOffset + bzImage.payloadCount)
        var random = SplitMix(state: 3)
        for round in 0..<24 {
            var damaged = whole
            let index = round < 8 ? payload.lowerBound + round : Int.random(in: payload, using: &random)
            damaged[round < 12 ? index : payload.upperBound - 1 - (round & 3)] ^= UInt8.random(
                in: 1...255, using: &random)
            if case .success(let image) = open(damaged) { #expect(isSound(image)) }
        }
    }
}
