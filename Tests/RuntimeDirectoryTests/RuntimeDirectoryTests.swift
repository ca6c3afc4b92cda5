import Glibc
import TemporaryFiles
import Testing

@testable import RuntimeDirectory

@Suite struct RuntimeDirectoryTests {
    private let temporary: TemporaryDirectory

    init() throws {
        temporary = try TemporaryDirectory()
    }

    private var directory: RuntimeDirectory { RuntimeDirectory(path: temporary.path + "/swiftlet") }

    private func record(_ command: [String] = []) -> MachineRecord {
        MachineRecord(pid: getpid(), started: 1_700_000_000, cpus: 2, memory: 512 << 20, command: command)
    }

    @Test func aDirectoryThatIsNotThereHasNoMachines() throws {
        #expect(try directory.machines().isEmpty)
        #expect(try directory.machine(named: "a") == nil)
    }

    @Test func machinesAreFoundWithWhatTheyTell() throws {
        let entry = try OwnEntry(named: "build.1", in: directory, record(["make", "check"]))
        let other = try OwnEntry(named: "a", in: directory, record())
        try withExtendedLifetime((entry, other)) {
            let machines = try directory.machines()
            #expect(machines.map(\.name) == ["a", "build.1"])
            #expect(machines.last?.record == record(["make", "check"]))
            #expect(machines.last?.socket == entry.socket)
        }
    }

    @Test func anEntryGoesWithItsOwner() throws {
        do {
            let entry = try OwnEntry(named: "a", in: directory, record())
            #expect(close(creat(entry.socket, 0o600)) == 0)
        }
        #expect(access(directory.path + "/a", F_OK) != 0)
        #expect(try directory.machines().isEmpty)
    }

    @Test func aNameIsOneMachines() throws {
        let entry = try OwnEntry(named: "a", in: directory, record())
        let error = #expect(throws: RuntimeDirectoryError.self) {
            try OwnEntry(named: "a", in: directory, record())
        }
        #expect(error == .taken("a", pid: getpid()))
        #expect(try directory.machines().map(\.name) == [entry.name])
    }

    @Test func aNameIsFreeAgainAfterItsMachine() throws {
        for _ in 0..<2 { _ = try OwnEntry(named: "a", in: directory, record()) }
        _ = try OwnEntry(named: "a", in: directory, record())
    }

    /// As after kill -9: the kernel lets go of the lock, and the files stay.
    private func leaveBehind(_ name: String) throws {
        #expect(mkdir(directory.path, 0o700) == 0 || errno == EEXIST)
        let path = "\(directory.path)/\(name)"
        #expect(mkdir(path, 0o700) == 0)
        for file in ["control", "machine"] { #expect(close(creat("\(path)/\(file)", 0o600)) == 0) }
    }

    @Test func whatWasLeftBehindIsRemovedByWhoeverLists() throws {
        try leaveBehind("a")
        #expect(try directory.machines().isEmpty)
        #expect(access(directory.path + "/a", F_OK) != 0)
    }

    @Test func whatWasLeftBehindGivesItsNameBack() throws {
        try leaveBehind("a")
        let entry = try OwnEntry(named: "a", in: directory, record())
        #expect(entry.name == "a")
        #expect(access(entry.socket, F_OK) != 0)
    }

    @Test func entriesComeAndGoWhileOthersList() async throws {
        let directory = directory
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    for _ in 0..<200 {
                        let entry = try OwnEntry(named: "m\(number)", in: directory, record())
                        #expect(try directory.machine(named: "m\(number)")?.name == entry.name)
                    }
                }
                group.addTask { for _ in 0..<400 { _ = try directory.machines() } }
            }
            try await group.waitForAll()
        }
        #expect(try directory.machines().isEmpty)
    }

    @Test func theEndOfAMachineIsAwaited() throws {
        var entry: OwnEntry? = try OwnEntry(named: "a", in: directory, record())
        let seen = try #require(try directory.machine(named: "a"))
        #expect(entry?.name == "a")
        entry = nil
        seen.awaitEnd(killingAt: .max)
        #expect(try directory.machines().isEmpty)
    }

    @Test(arguments: ["", ".", "..", "a/b", "-a", "a b", "ä", "a\n", String(repeating: "a", count: 49)])
    func otherNamesAreRefused(_ name: String) {
        #expect(throws: RuntimeDirectoryError.name(name)) { try OwnEntry(named: name, in: directory, record()) }
    }

    @Test func aDirectoryOfOthersIsRefused() throws {
        #expect(mkdir(directory.path, 0o700) == 0)
        #expect(chmod(directory.path, 0o777) == 0)
        #expect(throws: RuntimeDirectoryError.notPrivate(directory.path)) {
            try OwnEntry(named: "a", in: directory, record())
        }
    }

    /// What looks like entries there may lead anywhere, and is neither followed nor removed.
    @Test func aDirectoryOfOthersIsNotLookedInto() throws {
        try leaveBehind("a")
        #expect(chmod(directory.path, 0o777) == 0)
        #expect(throws: RuntimeDirectoryError.notPrivate(directory.path)) { try directory.machines() }
        #expect(throws: RuntimeDirectoryError.notPrivate(directory.path)) { try directory.machine(named: "a") }
        #expect(access(directory.path + "/a/control", F_OK) == 0)
    }

    @Test(arguments: ["", "\n", "1 2 3\n", "1 2 3 4", "1 2 3 4 5\n", "a 2 3 4\n", "99999999999 2 3 4\n", "1 2 3 -4\n"])
    func recordsThatMakeNoSense(_ text: String) {
        #expect(MachineRecord(Array(text.utf8)) == nil)
    }

    @Test(arguments: [[], [""], ["a", "", "b c\n"], ["ä"]])
    func recordsAreReadAsTheyWereWritten(_ command: [String]) {
        #expect(MachineRecord(record(command).bytes) == record(command))
    }

    @Test func aLinkInItsPlaceIsRefused() throws {
        #expect(symlink(temporary.path, directory.path) == 0)
        #expect(throws: RuntimeDirectoryError.notPrivate(directory.path)) {
            try OwnEntry(named: "a", in: directory, record())
        }
    }

    @Test func aLongCommandIsCut() throws {
        let words = (0..<1000).map { "word\($0)" }
        let entry = try OwnEntry(named: "a", in: directory, record(words))
        let command = try #require(
            try withExtendedLifetime(entry) { try directory.machine(named: "a")?.record?.command })
        #expect(command.count < 1000 && Array(words.prefix(command.count)) == command && command.count > 400)
    }
}
