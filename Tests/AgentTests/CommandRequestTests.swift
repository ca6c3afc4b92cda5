import Testing

@testable import Agent

struct CommandRequestTests {
    @Test func hasTheFieldsInOrder() throws {
        var request = CommandRequest([[0xFF, 0x0A], []])
        request.environment = [Array("A=b".utf8)]
        request.directory = Array("/d".utf8)
        request.root = Array("/r".utf8)
        (request.uid, request.gid, request.groups) = (1, 2, [3])
        request.limits = [.init(resource: 7, soft: 8, hard: .max)]
        request.terminal = .init(rows: 24, columns: 80)
        var expected: [UInt8] = []
        expected += bytes(3 as UInt32) + bytes(24 as UInt16) + bytes(80 as UInt16)
        expected += bytes(1 as UInt32) + bytes(2 as UInt32) + bytes(1 as UInt32) + bytes(3 as UInt32)
        expected +=
            bytes(1 as UInt32) + bytes(7 as UInt32) + bytes(0 as UInt32) + bytes(8 as UInt64) + bytes(UInt64.max)
        expected += text("/r") + text("/d")
        expected += bytes(2 as UInt32) + bytes(2 as UInt32) + [0xFF, 0x0A] + bytes(0 as UInt32)
        expected += bytes(1 as UInt32) + text("A=b")
        let header = bytes(UInt32(expected.count)) + bytes(16 as UInt16) + [0, 0] + bytes(5 as UInt32)
        #expect(try request.frame(id: 5, hasInput: true) == header + expected)
    }

    @Test func saysWhatIsWrong() {
        func error(_ change: (inout CommandRequest) -> Void) -> CommandRequestError? {
            var request = CommandRequest(["true"])
            change(&request)
            do throws(CommandRequestError) {
                _ = try request.frame(id: 1, hasInput: false)
                return nil
            } catch {
                return error
            }
        }
        #expect(error { _ in } == nil)
        #expect(error { $0.arguments = [] } == .noProgram)
        #expect(error { $0.arguments = [[65, 0]] } == .nulByte)
        #expect(error { $0.environment = [[0]] } == .nulByte)
        #expect(error { $0.directory = Array("tmp".utf8) } == .relativePath("tmp"))
        #expect(error { $0.root = Array("tmp".utf8) } == .relativePath("tmp"))
        #expect(error { $0.arguments.append([UInt8](repeating: 65, count: 1 << 20)) } == .tooLong)
    }
}
