import Foundation
import Testing

/// The balloon under stock kernels: memory goes to the host and comes back.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct VirtioBalloonTests {
    static let batch = Result {
        try GuestBatch(
            DeviceVariant.tested.map(boot),
            contents: GuestContents(modules: DeviceVariant.modules + ["virtio_balloon"], jobs: ["balloon.sh"]))
    }

    private static let mebibytes = 120

    private static func boot(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot("balloon", options: ["--memory", "288M", "--balloon", "\(mebibytes)M"])
        boot.limit = 200
        boot.meanwhile = ["touched", "inflated", "used"].map { moment in
            """
            await 'guest: \(moment)'
            echo '== \(moment)'
            awk '$1 == "VmRSS:" { print int($2 / 1024) }' /proc/$pid/status
            echo >&3
            """
        }.joined(separator: "\n")
        return boot
    }

    @Test(arguments: DeviceVariant.tested)
    func memoryGoesToTheHostAndComesBack(_ variant: DeviceVariant) throws {
        let result = try Self.batch.get().result(variant.name(of: "balloon"))
        try #require(result.status == 0 && result.errors == "" && result.sections["end"] != nil, result.comment)
        let number = { (sections: [String: [Substring]], section: String) in
            try #require(sections[section]?.first.flatMap { Int($0) }, result.comment)
        }
        let free = try ["before", "inflated", "deflated"].map { try number(result.sections, $0) }
        // New kernels keep much of what they free close to each CPU for a while.
        #expect(free[0] - free[1] > Self.mebibytes - 20 && free[2] - free[1] > Self.mebibytes / 2, result.comment)
        #expect(result.sections["used again"]?.first == "intact", result.comment)
        let resident = try ["touched", "inflated", "used"].map { try number(result.hostSections, $0) }
        #expect(resident[0] - resident[1] > Self.mebibytes - 50, result.comment)
        #expect(resident[2] - resident[1] > Self.mebibytes - 50, result.comment)
    }
}
