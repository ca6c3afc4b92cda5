/// The registers of one virtio device, over MMIO (virtio 1.3 §4.2) or PCI (§4.1).
struct VirtioTransport {
    /// All registers over MMIO, the common configuration on PCI.
    let registers: MappedAddress
    /// The device type's own configuration.
    let configuration: MappedAddress
    let type: UInt32
    /// nil over MMIO.
    let pci: VirtioPCI?

    var name: StaticString { pci == nil ? "mmio" : "pci" }

    // MARK: Registers

    func read(_ register: VirtioRegister) -> UInt32 {
        guard pci != nil else { return (registers + register.mmio).readDword() }
        let address = registers + register.pci
        return switch register.pciWidth {
        case 1: UInt32(address.readByte())
        case 2: UInt32(address.readWord())
        default: address.readDword()
        }
    }

    func write(_ register: VirtioRegister, _ value: UInt32) {
        guard pci != nil else { return (registers + register.mmio).write(dword: value) }
        let address = registers + register.pci
        switch register.pciWidth {
        case 1: address.write(byte: UInt8(truncatingIfNeeded: value))
        case 2: address.write(word: UInt16(truncatingIfNeeded: value))
        default: address.write(dword: value)
        }
    }

    func write(_ register: VirtioRegister, address: UInt64) {
        write(register, UInt32(truncatingIfNeeded: address))
        write(register.highHalf, UInt32(truncatingIfNeeded: address >> 32))
    }

    var status: UInt8 {
        get { UInt8(truncatingIfNeeded: read(.status)) }
        nonmutating set { write(.status, UInt32(newValue)) }
    }

    /// Reads and clears what the device interrupts for.
    func acknowledgeInterrupt() -> UInt32 {
        if let pci { return UInt32(pci.interruptStatus.readByte()) }
        let causes = (registers + 0x060).readDword()
        (registers + 0x064).write(dword: causes)
        return causes
    }

    /// Where the driver notifies the device of the queue that is selected.
    private func doorbell(ofSelectedQueue index: UInt16) -> VirtioDoorbell {
        guard let pci else { return VirtioDoorbell(address: registers + 0x050, queue: index, isWord: false) }
        let offset = (registers + VirtioPCIRegister.queueNotifyOffset).readWord()
        return VirtioDoorbell(
            address: pci.notifications + UInt(offset) * UInt(pci.notificationMultiplier), queue: index, isWord: true)
    }

    // MARK: Initialization (virtio 1.3 §3.1)

    func reset() {
        status = 0
        while status != 0 {}
    }

    var offeredFeatures: UInt64 {
        write(.deviceFeaturesSelect, 0)
        let low = read(.deviceFeatures)
        write(.deviceFeaturesSelect, 1)
        return UInt64(read(.deviceFeatures)) << 32 | UInt64(low)
    }

    func accept(_ features: UInt64) {
        write(.driverFeaturesSelect, 0)
        write(.driverFeatures, UInt32(truncatingIfNeeded: features))
        write(.driverFeaturesSelect, 1)
        write(.driverFeatures, UInt32(truncatingIfNeeded: features >> 32))
    }

    /// Resets the device and settles the features: those of `wanted` that it offers.
    ///
    /// - Returns: the features; nil when the device refuses them.
    func negotiate(_ wanted: UInt64) -> UInt64? {
        reset()
        status = VirtioStatus.acknowledge | VirtioStatus.driver
        let features = offeredFeatures & (wanted | VirtioFeature.version1)
        accept(features)
        status = VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.featuresOK
        return status & VirtioStatus.featuresOK != 0 ? features : nil
    }

    /// Sets a queue up, after the features are settled and before the device starts.
    func enableQueue(_ index: UInt16, size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64)
        -> VirtioDoorbell
    {
        write(.queueSelect, UInt32(index))
        write(.queueSize, UInt32(size))
        write(.queueDescriptors, address: descriptors)
        write(.queueAvailable, address: available)
        write(.queueUsed, address: used)
        let doorbell = doorbell(ofSelectedQueue: index)
        write(.queueEnable, 1)
        return doorbell
    }

    /// Has the device begin to work.
    func start() {
        status =
            VirtioStatus.acknowledge | VirtioStatus.driver | VirtioStatus.featuresOK | VirtioStatus.driverOK
    }

    var needsReset: Bool { status & VirtioStatus.needsReset != 0 }
}

/// What only a device on PCI has.
struct VirtioPCI {
    let function: PCIFunction
    let notifications: MappedAddress
    /// Bytes between the places of two notification offsets.
    let notificationMultiplier: UInt32
    let interruptStatus: MappedAddress
    let msix: MSIX?
}

/// The register that tells a device of new buffers in a queue.
struct VirtioDoorbell {
    let address: MappedAddress
    let queue: UInt16
    /// Whether it is 16 bits wide, as on PCI, and not 32.
    let isWord: Bool

    func ring() {
        if isWord {
            address.write(word: queue)
        } else {
            address.write(dword: UInt32(queue))
        }
    }
}
