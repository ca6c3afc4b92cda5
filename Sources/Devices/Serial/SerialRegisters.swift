/// Register offsets and bits of the 16550A (National Semiconductor PC16550D data sheet, §8).
enum SerialRegister {
    /// Receiver buffer (read), transmitter holding (write); divisor latch, low byte, while DLAB is set.
    static let data: UInt64 = 0
    /// Interrupt enable; divisor latch, high byte, while DLAB is set.
    static let interruptEnable: UInt64 = 1
    /// Interrupt identification (read), FIFO control (write).
    static let interruptIdentification: UInt64 = 2
    static let lineControl: UInt64 = 3
    static let modemControl: UInt64 = 4
    static let lineStatus: UInt64 = 5
    static let modemStatus: UInt64 = 6
    static let scratch: UInt64 = 7
}

/// Interrupt enable register.
struct InterruptEnable: OptionSet, Codable, Sendable {
    let rawValue: UInt8

    static let receivedData = InterruptEnable(rawValue: 0x01)
    static let transmitterEmpty = InterruptEnable(rawValue: 0x02)
    static let lineStatus = InterruptEnable(rawValue: 0x04)
    static let modemStatus = InterruptEnable(rawValue: 0x08)
    static let implemented = InterruptEnable(rawValue: 0x0f)
}

/// Interrupt identification register.
enum InterruptIdentification {
    static let modemStatus: UInt8 = 0x00
    static let none: UInt8 = 0x01
    static let transmitterEmpty: UInt8 = 0x02
    static let receivedData: UInt8 = 0x04
    static let lineStatus: UInt8 = 0x06
    static let characterTimeout: UInt8 = 0x0c
    /// Both bits set are what tells a 16550A from its predecessors.
    static let fifosEnabled: UInt8 = 0xc0
}

/// FIFO control register.
enum FIFOControl {
    static let enable: UInt8 = 0x01
    static let resetReceiver: UInt8 = 0x02
    static let triggerShift: UInt8 = 6
}

/// Line control register.
enum LineControl {
    static let divisorLatchAccess: UInt8 = 0x80
}

/// Modem control register.
struct ModemControl: OptionSet, Codable, Sendable {
    let rawValue: UInt8

    static let dataTerminalReady = ModemControl(rawValue: 0x01)
    static let requestToSend = ModemControl(rawValue: 0x02)
    static let output1 = ModemControl(rawValue: 0x04)
    static let output2 = ModemControl(rawValue: 0x08)
    static let loopback = ModemControl(rawValue: 0x10)
    static let implemented = ModemControl(rawValue: 0x1f)
}

/// Line status register.
struct LineStatus: OptionSet, Sendable {
    let rawValue: UInt8

    static let dataReady = LineStatus(rawValue: 0x01)
    static let overrun = LineStatus(rawValue: 0x02)
    static let holdingRegisterEmpty = LineStatus(rawValue: 0x20)
    static let transmitterEmpty = LineStatus(rawValue: 0x40)
}

/// Modem status register.
struct ModemStatus: OptionSet, Codable, Sendable {
    let rawValue: UInt8

    static let clearToSendChanged = ModemStatus(rawValue: 0x01)
    static let dataSetReadyChanged = ModemStatus(rawValue: 0x02)
    static let ringEnded = ModemStatus(rawValue: 0x04)
    static let carrierChanged = ModemStatus(rawValue: 0x08)
    static let clearToSend = ModemStatus(rawValue: 0x10)
    static let dataSetReady = ModemStatus(rawValue: 0x20)
    static let ring = ModemStatus(rawValue: 0x40)
    static let carrier = ModemStatus(rawValue: 0x80)
    static let changes = ModemStatus(rawValue: 0x0f)
}
