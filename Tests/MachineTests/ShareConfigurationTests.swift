import Machine
import MachineConfiguration
import Testing

struct ShareConfigurationTests {
    private func failure(_ change: (inout VMConfiguration) -> Void) -> ConfigurationError? {
        var configuration = VMConfiguration(kernel: .init(path: "k"))
        change(&configuration)
        do {
            try configuration.validate()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["t", "/mnt", String(repeating: "t", count: 36)])
    func aTagFits(_ tag: String) {
        #expect(failure { $0.shares = [.init(path: "p", tag: tag)] } == nil)
    }

    @Test(arguments: ["", "a\0b", String(repeating: "t", count: 37)])
    func aTagThatDoesNotFitIsNamed(_ tag: String) {
        #expect(failure { $0.shares = [.init(path: "p", tag: tag)] }?.field == "/shares/0/tag")
    }

    @Test func namesAreTheirOwn() {
        let share = VMConfiguration.Share(path: "p", tag: "t")
        #expect(failure { $0.shares = [share, share] }?.field == "/shares/1/tag")
        #expect(failure { $0.shares = [.init(path: "p", tag: "vsock")] }?.field == "/shares/0/tag")
        #expect(failure { $0.shares = [.init(path: "", tag: "t")] }?.field == "/shares/0/path")
        let clash = failure {
            $0.disks = [.init(id: "d", path: "disk")]
            $0.shares = [share]
            $0.shares[0].id = "d"
        }
        #expect(clash?.field == "/shares/0/id")
        #expect(failure { $0.shares = (0..<33).map { .init(path: "p", tag: "t\($0)") } }?.field == "/transport")
    }
}
