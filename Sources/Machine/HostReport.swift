import KVM

/// Whether this host can run microVMs, found by trying.
public struct HostReport: Codable, Equatable, Sendable {
    /// One thing that was looked at.
    public struct Check: Codable, Equatable, Sendable {
        public enum Status: String, Codable, Sendable {
            case ok, failed
        }

        public let name: String
        public let status: Status
        /// What was found.
        public let detail: String
        /// What to do about a failure.
        public let remedy: String?

        static func ok(_ name: String, _ detail: String) -> Check {
            Check(name: name, status: .ok, detail: detail, remedy: nil)
        }

        static func failed(_ name: String, _ detail: String, remedy: String?) -> Check {
            Check(name: name, status: .failed, detail: detail, remedy: remedy)
        }
    }

    /// Whether every check passed.
    public let ok: Bool
    /// In the order of looking; what a failure makes pointless to look at is left out.
    public let checks: [Check]

    /// Looks at everything that running a machine needs.
    ///
    /// - Parameter device: KVM's device file.
    public init(device: String = "/dev/kvm") {
        var checks: [Check] = []
        Self.examine(device, &checks)
        self.checks = checks
        ok = checks.allSatisfy { $0.status == .ok }
    }

    private static func examine(_ device: String, _ checks: inout [Check]) {
        let system: System
        do {
            system = try System(path: device)
            checks.append(.ok(device, "can be opened"))
        } catch {
            checks.append(.failed(device, "\(error.errno)", remedy: error.remedy))
            return
        }
        do {
            guard try checkVersion(system, &checks) else { return }
            try checkCapabilities(system, &checks)
            checks.append(.ok("vCPUs", "at most \(try system.maximumVCPUCount) in a machine"))
            guard checks.allSatisfy({ $0.status == .ok }) else { return }
            try checkSpeed(system, &checks)
        } catch let error as KVMError {
            checks.append(.failed(error.operation, "\(error.subject): \(error.errno)", remedy: error.remedy))
        } catch {
            checks.append(.failed("virtual machine", "\(error)", remedy: nil))
        }
    }

    private static func checkVersion(_ system: borrowing System, _ checks: inout [Check]) throws(KVMError) -> Bool {
        let version = try system.apiVersion
        guard version == System.requiredAPIVersion else {
            checks.append(
                .failed(
                    "API version", "\(version), and not \(System.requiredAPIVersion)",
                    remedy: "run a Linux kernel from 2.6.22 on, or check what the device file really is"))
            return false
        }
        checks.append(.ok("API version", "\(version)"))
        return true
    }

    private static func checkCapabilities(_ system: borrowing System, _ checks: inout [Check]) throws(KVMError) {
        for (capability, since) in Capability.required {
            if try system.check(capability) > 0 {
                checks.append(.ok(capability.name, "available"))
            } else {
                checks.append(
                    .failed(
                        capability.name, "missing",
                        remedy: "run a host kernel that has it; Linux does since \(since) on hardware virtualisation"))
            }
        }
    }

    private static func checkSpeed(_ system: borrowing System, _ checks: inout [Check]) throws {
        let probe = try SpeedProbe(system)
        let millions = probe.instructionsPerSecond / 1e6
        let rate = millions < 10 ? "\((millions * 10).rounded() / 10)" : "\(Int(millions))"
        if probe.isInterpreted {
            checks.append(
                .failed(
                    "guest speed",
                    """
                    \(rate) million kernel-mode instructions a second: this KVM interprets the guest's kernel in \
                    software, so that distribution kernels do not boot on it, or not in useful time
                    """,
                    remedy: """
                        use a host with hardware virtualisation (Intel VT-x, AMD-V), enabled in its firmware's set-up \
                        or, inside a virtual machine, as nested virtualisation
                        """))
        } else {
            checks.append(
                .ok("guest speed", "\(rate) million kernel-mode instructions a second: hardware virtualisation"))
        }
    }
}

extension Capability {
    /// What a machine needs of the host's KVM, with the Linux release that brought it.
    static let required: [(Capability, since: String)] = [
        (.userMemory, "2.6.23"), (.interruptController, "2.6.20"), (.interruptRouting, "2.6.30"), (.irqfd, "2.6.32"),
        (.ioeventfd, "2.6.32"), (.tssAddress, "2.6.24"), (.extendedCPUID, "2.6.26"), (.multiprocessorState, "2.6.27"),
        (.immediateExit, "4.11"),
    ]
}
