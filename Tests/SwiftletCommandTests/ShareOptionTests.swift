import ArgumentParser
import Machine
import MachineConfiguration
import Testing

@testable import SwiftletCommand

struct ShareOptionTests {
    @Test(arguments: [
        ("src:source", VMConfiguration.Share(path: "src", tag: "source")),
        ("/a/b:/mnt/b:ro", .init(path: "/a/b", tag: "/mnt/b", readOnly: true)),
        ("src:source:rw", .init(path: "src", tag: "source", readOnly: false)),
        ("a:b:source:rw", .init(path: "a:b", tag: "source", readOnly: false)),
        ("src:ro", .init(path: "src", tag: "ro")),
    ])
    func everyFormHasItsMeaning(text: String, share: VMConfiguration.Share) throws {
        #expect(try ShareOption.share(text) == share)
    }

    @Test(arguments: [
        ("", "no tag"), ("src", "no tag"), ("src:", "no tag"), (":tag", "no directory"), ("src::ro", "no tag"),
    ])
    func whatIsMissingIsNamed(text: String, problem: String) {
        let error = #expect(throws: ValidationError.self) { try ShareOption.share(text) }
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
    }
}
