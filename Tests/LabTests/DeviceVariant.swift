import Testing

/// A stock kernel and the transport that its virtio devices are behind.
struct DeviceVariant: CustomTestStringConvertible, Hashable {
    enum Transport: String, CaseIterable {
        case mmio
        case pci
    }

    let kernel: GuestBatch.Kernel
    let transport: Transport

    /// Each kernel and each transport once, and each kernel behind each transport where all of the work is asked for.
    static let tested =
        LabHost.isFull ? all : zip(GuestBatch.Kernel.allCases, Transport.allCases).map(DeviceVariant.init)

    private static let all = GuestBatch.Kernel.allCases.flatMap { kernel in
        Transport.allCases.map { DeviceVariant(kernel: kernel, transport: $0) }
    }

    var testDescription: String { "\(kernel.rawValue) \(transport.rawValue)" }

    var options: [String] { ["--transport", transport.rawValue] }

    /// Kernel modules that find devices behind either transport.
    static let modules = ["virtio_mmio", "virtio_pci"]

    /// A boot of this variant, named after it and its job.
    func boot(_ job: String, options: [String]) -> GuestBatch.Boot {
        GuestBatch.Boot(name: name(of: job), kernel: kernel, job: job, options: self.options + options)
    }

    func name(of job: String) -> String { "\(testDescription) \(job)" }
}
