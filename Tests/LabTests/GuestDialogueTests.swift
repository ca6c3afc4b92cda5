import Foundation
import Testing

/// A stock kernel's guest and the outside world: console input, the power button, and a monitor that is killed.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct GuestDialogueTests {
    static let boots = [
        GuestBatch.Boot(
            name: "lines", job: "lines",
            // One after the other, or the echo of a line gets mixed up with the answer to the one before it: that is
            // all there once its carriage return is.
            meanwhile: """
                await 'guest: ready'
                for line in 'hello there' 'a  second' end; do
                    echo "$line" >&3
                    await "guest read: $line.$"
                done
                """),
        GuestBatch.Boot(
            name: "bytes", job: "sum",
            meanwhile: """
                head -c 20000 /dev/urandom >bytes
                await 'guest: ready'
                cat bytes >&3
                md5sum <bytes
                """),
        GuestBatch.Boot(name: "button 6.1", job: "button", meanwhile: "await 'guest: ready'; kill -TERM $pid"),
        GuestBatch.Boot(
            name: "button 6.12", kernel: .newer, job: "button", meanwhile: "await 'guest: ready'; kill -TERM $pid"),
        GuestBatch.Boot(name: "no button", job: "hang", meanwhile: "await 'guest: up'; kill -TERM $pid"),
        GuestBatch.Boot(
            name: "kill", job: "hang", options: ["--cpus", "2"],
            meanwhile: """
                await 'guest: up'
                available() { awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo; }
                before=$(available)
                kill -KILL $pid
                # The kernel takes its time to give all of it back.
                for try in $(seq 100); do
                    usleep 100000
                    freed=$(($(available) - before))
                    [ $freed -gt 32768 ] && break
                done
                echo $freed
                # The killed one itself is a zombie still.
                for process in /proc/[0-9]*; do
                    [ "$(cat $process/comm 2>/dev/null)" != swiftlet ] || grep '^State:.*[^Z] (' $process/status 2>/dev/null
                done
                """),
    ]

    static let batch = Result { try GuestBatch(boots) }

    private func result(_ name: String) throws -> GuestBatch.Result { try Self.batch.get().result(name) }

    @Test func linesReachTheGuestAndAreEchoed() throws {
        let result = try result("lines")
        #expect(result.status == 0, result.comment)
        for text in ["hello there", "a  second", "end"] {
            let lines = result.output.split(whereSeparator: \.isNewline)
            #expect(lines.contains { $0 == text }, result.comment)
            #expect(lines.contains { $0 == "guest read: \(text)" }, result.comment)
        }
    }

    @Test func everyByteReachesTheGuest() throws {
        let result = try result("bytes")
        #expect(result.status == 0, result.comment)
        let sum = try #require(result.host.split(separator: " ").first)
        #expect(sum.count == 32)
        #expect(result.output.contains(sum), result.comment)
    }

    @Test(arguments: ["button 6.1", "button 6.12"])
    func aSignalLetsTheGuestPowerOff(name: String) throws {
        let result = try result(name)
        #expect(result.output.contains("guest: the power button was pressed"), result.comment)
        #expect(result.output.contains("reboot: Power down"), result.comment)
        #expect(result.status == 128 + Int(SIGTERM), result.comment)
        #expect(result.errors == "", result.comment)
    }

    @Test func aSignalEndsAGuestThatIgnoresItsPowerButton() throws {
        let result = try result("no button")
        #expect(result.status == 128 + Int(SIGTERM), result.comment)
        #expect(result.errors == "", result.comment)
    }

    @Test func nothingIsLeftOfAKilledMonitor() throws {
        let result = try result("kill")
        #expect(result.status == 128 + Int(SIGKILL), result.comment)
        let lines = result.host.split(separator: "\n")
        #expect(lines.count == 1, "a process is left: \(result.host)")
        // The guest had touched this much of its memory at least.
        #expect(lines.first.flatMap { Int($0) } ?? 0 > 32 << 10, "\(result.host)")
    }
}
