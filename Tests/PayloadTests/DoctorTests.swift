import Foundation
import Testing

/// `swiftlet doctor`, on whatever host this is.
struct DoctorTests {
    private struct Report: Decodable {
        struct Check: Decodable {
            let name: String
            let status: String
            let detail: String
            let remedy: String?
        }
        let ok: Bool
        let checks: [Check]
    }

    private func report(_ arguments: [String] = []) throws -> (Report, Swiftlet.Result) {
        let result = try Swiftlet.run(["doctor", "--json"] + arguments)
        return (try JSONDecoder().decode(Report.self, from: Data(result.stdout)), result)
    }

    @Test func jsonAgreesWithTheStatusAndTheText() throws {
        let (report, result) = try report()
        #expect(result.ending == .exited(report.ok ? 0 : 1))
        #expect(result.errors == "")
        #expect(!report.checks.isEmpty)
        #expect(report.ok == report.checks.allSatisfy { $0.status == "ok" })
        #expect(report.checks.allSatisfy { $0.status == "ok" ? $0.remedy == nil : $0.remedy != nil })

        let text = try Swiftlet.run(["doctor"])
        #expect(text.ending == result.ending)
        #expect(text.errors == "")
        for check in report.checks {
            #expect(text.output.contains("\(check.status == "ok" ? "ok    " : "FAILED")  \(check.name): "))
        }
        #expect(text.output.split(separator: "\n").last?.contains(report.ok ? "can run" : "cannot run") == true)
    }

    @Test(arguments: ["/nonexistent", "/dev/null", "/"])
    func aDeviceThatIsNoKVMComesWithARemedy(device: String) throws {
        let (report, result) = try report(["--device", device])
        #expect(result.ending == .exited(1))
        #expect(!report.ok)
        let failed = report.checks.filter { $0.status == "failed" }
        #expect(failed.count == 1)
        #expect(failed.first?.remedy?.isEmpty == false)
        #expect(!(failed.first?.detail.isEmpty ?? true))
    }

    @Test(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
    func aHostWithAKVMPassesWhatMachinesNeed() throws {
        let (report, _) = try report()
        #expect(report.checks.first?.name == "/dev/kvm")
        let failed = report.checks.filter { $0.status != "ok" }
        #expect(failed.allSatisfy { $0.name == "guest speed" }, "\(failed)")
    }
}
