import Foundation
import Testing

/// The virtio source of random bytes under stock kernels.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct VirtioEntropyTests {
    static let batch = Result {
        try GuestBatch(
            DeviceVariant.tested.map { $0.boot("entropy", options: ["--entropy"]) },
            contents: GuestContents(
                modules: DeviceVariant.modules + ["virtio_rng"], programs: ["/usr/bin/rngtest"], jobs: ["entropy.sh"]))
    }

    @Test(arguments: DeviceVariant.tested)
    func bytesAreRandom(_ variant: DeviceVariant) throws {
        let result = try Self.batch.get().result(variant.name(of: "entropy"))
        #expect(result.status == 0 && result.errors == "", result.comment)
        #expect(result.sections["generator"] == ["virtio_rng.0"], result.comment)
        let numbers = result.sections["bytes", default: []].compactMap { Int($0) }
        try #require(numbers.count == 3, result.comment)
        let (bytes, successes, failures) = (numbers[0], numbers[1], numbers[2])
        #expect(bytes == 100_000)
        // The first 32 bits only prime the test for repetitions, which leaves a part of a block.
        #expect(successes + failures == 39 && failures <= 2, result.comment)
    }
}
