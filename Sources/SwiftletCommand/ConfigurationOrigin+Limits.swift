import ControlGroups
import MachineConfiguration

extension ConfigurationOrigin {
    /// Does `body`, from whose return on nothing of the machine may be left, within the configuration's limits.
    func withLimits<Result>(of configuration: VMConfiguration, _ body: () throws -> Result) throws -> Result {
        let groups: ControlGroups
        do {
            // What is wrong with a limit is not for the kernel to say.
            try configuration.validate()
            if configuration.limits != VMConfiguration.Limits() {
                // One that ended this process while the machine is made would leave the groups behind.
                _ = ProcessSignals.takeOver()
            }
            groups = try ControlGroups.join(for: configuration.limits)
        } catch {
            throw explain(error)
        }
        defer { groups.leave() }
        return try body()
    }
}
