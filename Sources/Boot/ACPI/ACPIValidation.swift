extension ACPIConfiguration {
    /// Limits that keep every set of tables within 16 KiB.
    static let maxSerialPorts = 4
    static let maxVirtioDevices = 32
    /// Register space of a virtio-mmio device before its own configuration (virtio 1.3 §4.2.2).
    static let virtioRegisterSize: UInt32 = 0x100

    /// Checks that the tables can say what is asked for and that Linux will take it.
    ///
    /// - Throws: `ACPIError.unusableValue`, which names the field.
    func validate() throws(ACPIError) {
        try require((1...255).contains(cpuCount), "cpuCount", cpuCount, "1 to 255")
        try require(power.s5SleepType <= 7, "power.s5SleepType", power.s5SleepType, "0 to 7")
        // Linux takes a register at port 0 for a missing one (`acpi_sleep_state_supported`, `acpi_reset`).
        try require(power.resetPort != 0, "power.resetPort", power.resetPort, "a port above 0")
        try require(power.sleepControlPort != 0, "power.sleepControlPort", power.sleepControlPort, "a port above 0")
        try require(power.sleepStatusPort != 0, "power.sleepStatusPort", power.sleepStatusPort, "a port above 0")

        let serialCount = serialPorts.count
        try require(serialCount <= Self.maxSerialPorts, "serialPorts.count", serialCount, "0 to \(Self.maxSerialPorts)")
        for port in serialPorts {
            try require(
                port.ioPort <= 0xFFF8, "serialPorts.ioPort", port.ioPort, "at most 0xfff8, with 8 ports from there")
        }

        if let generationID = vmGenerationID {
            let address = generationID.guidAddress
            try require(
                address.isMultiple(of: 8) && address <= .max - 15, "vmGenerationID.guidAddress", address,
                "a multiple of 8, with 16 bytes from there")
        }

        let virtioCount = virtioDevices.count
        try require(
            virtioCount <= Self.maxVirtioDevices, "virtioDevices.count", virtioCount, "0 to \(Self.maxVirtioDevices)")
        for device in virtioDevices {
            try require(
                device.size >= Self.virtioRegisterSize, "virtioDevices.size", device.size,
                "at least \(Self.virtioRegisterSize) bytes")
            try require(
                UInt64(device.base) + UInt64(device.size) <= 1 << 32, "virtioDevices.base", device.base,
                "so low that the device ends by 4 GiB")
        }
        if let segment = pciSegment { try validate(segment) }
        try validateInterrupts()
    }

    /// A window over a whole address space would have a length that its descriptor cannot hold.
    private func validate(_ segment: PCISegment) throws(ACPIError) {
        let overflow = segment.ecamBase.addingReportingOverflow(segment.ecamSize).overflow
        try require(
            segment.ecamBase.isMultiple(of: PCISegment.ecamBusSize) && !overflow, "pciSegment.ecamBase",
            segment.ecamBase, "a multiple of 1 MiB, with 1 MiB a bus from there")
        let everything = "less than the whole address space"
        try require(segment.memory32 != 0...(.max), "pciSegment.memory32", segment.memory32.upperBound, everything)
        if let window = segment.memory64 {
            try require(window != 0...(.max), "pciSegment.memory64", window.upperBound, everything)
        }
        if let window = segment.ioPorts {
            try require(window != 0...(.max), "pciSegment.ioPorts", window.upperBound, everything)
        }
        if let slots = segment.slots {
            var numbers: Set<UInt8> = []
            for number in slots.devices {
                try require(
                    (1...31).contains(number) && numbers.insert(number).inserted, "pciSegment.slots.devices", number,
                    "1 to 31, and there once")
            }
            try require(
                slots.ports <= .max - PCISlots.portCount + 1, "pciSegment.slots.ports", slots.ports,
                "so low that \(PCISlots.portCount) ports follow")
        }
    }

    /// Only virtio devices may share a GSI, and only with each other: the drivers of the rest ask for theirs alone.
    private func validateInterrupts() throws(ACPIError) {
        var exclusive = serialPorts.map { (field: "serialPorts.gsi", gsi: $0.gsi) }
        exclusive.append((field: "powerButtonGSI", gsi: powerButtonGSI))
        if let generationID = vmGenerationID { exclusive.append((field: "vmGenerationID.gsi", gsi: generationID.gsi)) }
        if let slots = pciSegment?.slots { exclusive.append((field: "pciSegment.slots.gsi", gsi: slots.gsi)) }

        var taken: Set<UInt32> = []
        for (field, gsi) in exclusive {
            try require(taken.insert(gsi).inserted, field, gsi, "the GSI of no other device")
        }
        for device in virtioDevices {
            try require(!taken.contains(device.gsi), "virtioDevices.gsi", device.gsi, "no serial port's or event's GSI")
        }
        for (field, gsi) in exclusive + virtioDevices.map({ (field: "virtioDevices.gsi", gsi: $0.gsi) }) {
            try require(gsi != 0 && gsi != 2, field, gsi, "neither 0 nor 2, which Linux refuses")
        }
    }

    private func require(
        _ condition: Bool, _ field: String, _ value: some BinaryInteger, _ allowed: @autoclosure () -> String
    ) throws(ACPIError) {
        guard condition else {
            throw .unusableValue(field: field, value: UInt64(clamping: value), allowed: allowed())
        }
    }
}
