/// COM1's registers (National Semiconductor PC16550D data sheet, table II).
enum Serial {
    /// Transmitter holding register when written, receiver buffer when read.
    static var data: Port { Port(0x3F8) }
    static var interruptEnable: Port { Port(0x3F9) }
    static var interruptIdentification: Port { Port(0x3FA) }
    static var modemControl: Port { Port(0x3FC) }
    static var lineStatus: Port { Port(0x3FD) }
    static var scratch: Port { Port(0x3FF) }

    static var dataReady: UInt8 { 1 << 0 }
    static var transmitterEmpty: UInt8 { 1 << 5 }
}
