import Foundation
import Testing

/// Virtio consoles and their ports under stock kernels: no byte is lost, either way.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct VirtioConsoleTests {
    static let batch = Result {
        try GuestBatch(
            DeviceVariant.tested.map(boot),
            contents: GuestContents(modules: DeviceVariant.modules + ["virtio_console"], jobs: ["console.sh"]),
            options: ["--program", "/usr/bin/socat"])
    }

    private static let bytes = 10 << 20
    /// Linux prints on a console 16 bytes at a time, each with an interrupt, for which the lab takes its time.
    private static let consoleBytes = GuestBatch.streamBytes.map { min($0, bytes) } ?? 256 << 10

    private static func boot(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot(
            "console",
            options: [
                "--console", "virtio", "--port", "name=file,file=port.file", "--port", "name=socket,socket=port.socket",
            ])
        boot.append = "bytes=\(bytes) console_bytes=\(consoleBytes)"
        boot.limit = 300 + consoleBytes / 20_000
        // Ctrl-O on a console begins a magic system request.
        boot.before = "tr '\\017' o </dev/urandom | head -c \(bytes) >random; head -c \(consoleBytes) random >typed"
        // The guest needs no more than its bytes from the socket, which stays open for what comes back.
        boot.meanwhile = """
            await 'guest: ready for the console'
            cat typed >&3
            await 'guest: ready for the socket'
            echo '== returned'
            socat -t 60 UNIX-CONNECT:port.socket,shut-none - <random >returned &
            await 'guest: all is sent'
            while [ $(stat -c %s returned) -lt \(bytes) ] && kill -0 $!; do usleep 100000; done
            sha256sum returned
            echo >&3
            """
        boot.after = """
            echo '== sent'
            sha256sum random
            echo '== typed'
            sha256sum typed
            echo '== file'
            sha256sum port.file
            echo '== text'
            tr -d '\\r' <$out | sed -n '/^== text$/,/^== file$/p' | grep -v '^==' | base64 -d | sha256sum
            sed -i '/^== text/,/^== file/d' $out
            rm random typed returned port.file
            """
        return boot
    }

    private func result(_ variant: DeviceVariant) throws -> GuestBatch.Result {
        let result = try Self.batch.get().result(variant.name(of: "console"))
        try #require(result.status == 0 && result.errors == "" && result.sections["end"] != nil, result.comment)
        return result
    }

    /// What goes from one side to the other: who sent it, and who got it.
    enum Way: CaseIterable {
        case typed, printed, intoFile, intoSocket, outOfSocket
    }

    @Test(arguments: DeviceVariant.tested, Way.allCases)
    func allBytesArrive(_ variant: DeviceVariant, _ way: Way) throws {
        let result = try result(variant)
        let sum = { (sections: [String: [Substring]], section: String) in
            try #require(sections[section]?.first?.split(separator: " ").first, result.comment)
        }
        let (guest, host) = (result.sections, result.hostSections)
        let (sent, received) =
            switch way {
            case .typed: (try sum(host, "typed"), try sum(guest, "typed"))
            case .printed: (try sum(guest, "printed"), try sum(host, "text"))
            case .intoFile: (try sum(guest, "sum"), try sum(host, "file"))
            case .intoSocket: (try sum(guest, "sum"), try sum(host, "returned"))
            case .outOfSocket: (try sum(host, "sent"), try sum(guest, "received"))
            }
        #expect(sent == received && sent.count == 64, result.comment)
    }
}
