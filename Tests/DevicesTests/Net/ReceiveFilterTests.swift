import MachineConfiguration
import Network
import Testing

@testable import Devices

struct ReceiveFilterTests {
    private let own = MACAddress([2, 0, 0, 0, 0, 1])
    private let other = MACAddress([2, 0, 0, 0, 0, 2])
    private let group = MACAddress([1, 0, 0x5E, 0, 0, 1])
    private let broadcast = MACAddress([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])

    @Test func everythingPassesUntilTheDriverHasItsSay() {
        let filter = ReceiveFilter(mac: own)
        for destination in [own, other, group, broadcast] { #expect(filter.accepts(destination)) }
    }

    @Test func tablesAddToTheOwnAddress() {
        var filter = ReceiveFilter(mac: own)
        filter.isPromiscuous = false
        #expect([own, other, group, broadcast].map(filter.accepts) == [true, false, false, true])
        filter.setTables(stations: [other], groups: [])
        #expect([own, other, group, broadcast].map(filter.accepts) == [true, true, false, true])
        filter.setTables(stations: [], groups: [group])
        #expect([own, other, group, broadcast].map(filter.accepts) == [true, false, true, true])
        filter.setTables(stations: [], groups: [])
        filter.allowsAllGroups = true
        #expect([own, other, group, broadcast].map(filter.accepts) == [true, false, true, true])
    }

    @Test func aTableThatIsTooLargeLetsAllPass() {
        var filter = ReceiveFilter(mac: own)
        filter.isPromiscuous = false
        filter.setTables(stations: nil, groups: nil)
        #expect([own, other, group, broadcast].map(filter.accepts) == [true, true, true, true])
    }
}
