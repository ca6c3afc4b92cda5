import Glibc
import Linux

extension Emulator {
    /// Our connections to an emulated machine.
    struct Channels {
        /// The emulator's own messages.
        let log: Connection
        /// The kernel's console, a serial port.
        let console: Connection
        /// For `MachineProtocol`.
        let monitor: Connection
        let ports: [HostPort: Connection]

        init() throws {
            log = try Connection()
            console = try Connection()
            monitor = try Connection()
            ports = try Dictionary(uniqueKeysWithValues: HostPort.allCases.map { ($0, try Connection()) })
        }

        /// To be called once the emulator runs.
        func closeTheirs() {
            for connection in [log, console, monitor] + ports.values { connection.closeTheirs() }
        }

        /// Waits until the lab host says that it waits for its command.
        ///
        /// - Parameter deadline: on the clock of `monotonicNanoseconds()`.
        func waitUntilReady(deadline: UInt64) throws {
            let control = ports[.control]?.ours ?? -1
            var text: [UInt8] = []
            while !text.elementsEqual("ready\n".utf8) {
                let now = monotonicNanoseconds()
                var wait = pollfd(fd: control, events: Int16(POLLIN), revents: 0)
                let ready = try systemCall("poll") {
                    poll(&wait, 1, now < deadline ? CInt(clamping: (deadline - now) / 1_000_000 + 1) : 0)
                }
                guard ready == 1 else { throw LabFailure("the lab host did not come up in time") }
                var byte: UInt8 = 0
                guard read(control, &byte, 1) == 1 else { throw LabFailure("the lab host ended by itself") }
                text.append(byte)
            }
        }
    }
}
