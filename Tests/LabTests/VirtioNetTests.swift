import Foundation
import Testing

/// Virtio network cards under stock kernels, on a tap and on the user's own network.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct VirtioNetTests {
    static let batch = Result {
        try GuestBatch(
            DeviceVariant.tested.flatMap { [tap($0), user($0)] },
            contents: GuestContents(
                modules: DeviceVariant.modules + ["virtio_net"], programs: ["/usr/bin/iperf3", "/usr/sbin/ethtool"],
                jobs: ["net.sh", "net-user.sh"], files: ["\(try LabHost.firmware)/programs/streams:/bin/streams"]),
            options: [
                "--program", "/usr/sbin/ip", "--program", "/usr/bin/iperf3",
                "--program", "/usr/bin/passt", "--file", "\(try LabHost.firmware)/programs/streams:/usr/bin/streams",
            ])
    }

    private static let address = "52:54:00:77:00:02"
    private static let bytesPerSecond = 500_000

    private static func tap(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot(
            "net",
            options: [
                "--cpus", "2", "--net", "tap=tap0,mac=\(address),mtu=9000,queues=2",
                "--net", "tap=tap1,bps=\(bytesPerSecond)",
            ])
        boot.limit = 300
        boot.before = """
            /usr/bin/ip tuntap add dev tap0 mode tap multi_queue
            /usr/bin/ip tuntap add dev tap1 mode tap
            for number in 0 1; do
                ip addr add 10.77.$number.1/24 dev tap$number
                ip link set tap$number up
            done
            ip link set tap0 mtu 9000
            streams serve tcp:0.0.0.0:7000 & streams=$!
            iperf3 --server >/dev/null & iperf=$!
            """
        boot.meanwhile = """
            await 'guest: pull the plug'
            ip link set tap0 down
            ip link set tap0 up
            echo >&3
            """
        boot.after = """
            kill $streams $iperf
            /usr/bin/ip link delete tap0
            /usr/bin/ip link delete tap1
            """
        return boot
    }

    private static func user(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot("net-user", options: ["--net", "user"])
        boot.before = """
            # One may hang since an earlier try.
            killall -9 passt 2>/dev/null
            mkdir -p /var/run
            /usr/bin/ip netns add router
            /usr/bin/ip link add outer type veth peer name inner netns router
            ip addr add 192.0.2.2/24 dev outer
            ip link set outer up
            ip route add default via 192.0.2.1
            /usr/bin/ip -n router addr add 192.0.2.1/24 dev inner
            /usr/bin/ip -n router link set inner up
            mkdir served
            head -c 8000000 /dev/urandom >served/large
            head -c 100000 /dev/urandom >served/small
            /usr/bin/ip netns exec router busybox httpd -f -p 8000 -h served & http=$!
            /usr/bin/ip netns exec router iperf3 --server >/dev/null & iperf=$!
            """
        boot.after = """
            kill $http $iperf
            /usr/bin/ip link delete outer
            /usr/bin/ip netns delete router
            echo '== served'
            sha256sum <served/large
            sha256sum <served/small
            rm -r served
            echo '== left'
            ps -o comm | grep passt
            """
        return boot
    }

    private func result(_ variant: DeviceVariant, _ job: String = "net") throws -> GuestBatch.Result {
        let result = try Self.batch.get().result(variant.name(of: job))
        try #require(result.status == 0 && result.sections["end"] != nil, result.comment)
        return result
    }

    /// What `streams check` prints when it is content.
    private func isComplete(_ lines: [Substring]?, connections: Int, bytes: Int) -> Bool {
        lines?.first?.hasPrefix("streams: \(connections) connections, \(bytes) bytes each way in ") == true
    }

    @Test(arguments: DeviceVariant.tested)
    func guestSeesItsCards(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.errors == "", result.comment)
        let lines = try #require(result.sections["cards"])
        #expect(lines.contains { $0 == Self.address } && lines.contains { $0 == "9000" }, "\(lines)")
        #expect(result.sections["queues"] == ["rx-0", "rx-1", "tx-0", "tx-1"])
    }

    @Test(arguments: DeviceVariant.tested, ["ping", "up again", "plugged in again", "jumbo"])
    func hostAnswersPings(_ variant: DeviceVariant, when: String) throws {
        let result = try result(variant)
        let line = try #require(result.sections[when]?.first, result.comment)
        #expect(line == "5 packets transmitted, 5 packets received, 0% packet loss", result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func jumboFramesArriveInOnePiece(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.sections["jumbo"]?.last == "0 fragments", result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func aThousandConnectionsAtOnceKeepTheirBytes(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(isComplete(result.sections["connections"], connections: 1000, bytes: 2_000_000), result.comment)
    }

    @Test(arguments: DeviceVariant.tested, [("offloads", "offloaded", "on"), ("no offloads", "plain", "off")])
    func bytesFlowBothWays(_ variant: DeviceVariant, _ mode: (features: String, transfer: String, state: String)) throws
    {
        let result = try result(variant)
        let features = result.sections[mode.features, default: []]
        #expect(features.count == 3 && features.allSatisfy { $0.hasSuffix(": \(mode.state)") }, result.comment)
        let lines = result.sections[mode.transfer, default: []]
        #expect(isComplete(lines, connections: 1, bytes: 8_000_000), result.comment)
        let rates = lines.dropFirst().compactMap { Int($0) }
        // Slow as the lab is, this much goes through.
        #expect(rates.count == 2 && rates.allSatisfy { $0 > 200 }, result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func rateLimitIsKept(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        let limit = Double(Self.bytesPerSecond * 8) / 1000
        for direction in ["tx", "rx"] {
            let line = result.sections["limited"]?.first { $0.hasPrefix(direction) } ?? ""
            let rates = line.split(separator: " ").dropFirst().compactMap { Double($0) }
            // A guest that the lab kept waiting counts all that its ring holds at once, in one interval.
            #expect(rates.count == 3 && rates.sorted().dropLast().allSatisfy { $0 < limit * 1.1 }, "\(line): \(limit)")
            // A busy lab may not have more to send; a limit of bits where bytes are meant would still be seen.
            #expect(rates.contains { $0 > limit * 0.25 }, "\(line): \(limit)")
        }
    }

    @Test(arguments: DeviceVariant.tested)
    func usersNetworkReachesWhatTheHostReaches(_ variant: DeviceVariant) throws {
        let result = try result(variant, "net-user")
        let served = result.hostSections["served", default: []].map(String.init)
        try #require(served.count == 2, result.comment)
        #expect(result.sections["large"] == [served[0][...]], result.comment)
        #expect(
            result.sections["small", default: []].map { $0.drop { $0 == " " } } == ["8 \(served[1])"], result.comment)
        #expect(result.sections["upload"]?.contains { $0.contains(" receiver") } == true, result.comment)
        #expect(result.hostSections["left"] == [], result.comment)
    }
}
