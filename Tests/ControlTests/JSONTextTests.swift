import Machine
import MachineConfiguration
import Testing

@testable import Control

/// JSON before a decoder gets it.
struct JSONTextTests {
    @Test(arguments: [
        #"{"a":[1,"\"[[[{{{"]}"#, "[\t1\r\n]", "\"é\u{1F600}\"", "{}", "[]", " null ", "true", "false", "-0", "0.5e-3",
        "1E+9",
        #""\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t""#, #"{"a": {"b": 1}, "b": {"b": 2}}"#, #"{"":0}"#,
        String(repeating: "[", count: 64) + String(repeating: "]", count: 64),
        "[" + String(repeating: "[],", count: 1000) + "[]]",
    ])
    func jsonIsRight(text: String) {
        #expect(throws: Never.self) { try JSONText.check(Array(text.utf8)) }
    }

    @Test(
        arguments: [
            ("", 0, "a value is expected, but the text ends"), (" ", 1, "the text ends"), ("nonsense", 0, "a value"),
            ("nulL", 0, "a value"), ("'a'", 0, "a value is expected, not '''"), ("{", 1, "the text ends"),
            ("{a:1}", 1, "name of a field in double quotes is expected, not 'a'"), (#"{"a" 1}"#, 5, "':' is expected"),
            (#"{"a":1,}"#, 7, "name of a field"), (#"{"a":1 "b":2}"#, 7, "',' or '}' is expected"),
            (#"{"a":}"#, 5, "a value is expected, not '}'"), (#"{"a":1}}"#, 7, "nothing more"),
            (#"{"a":1} x"#, 8, "nothing more is expected, not 'x'"),
            (#"{"a":1,"b":2,"a":3}"#, 13, "'a' is there twice"),
            ("[1,]", 3, "a value"), ("[1 2]", 3, "',' or ']'"), ("[1", 2, "',' or ']'"), ("01", 1, "nothing more"),
            ("-", 1, "a digit"), ("1.", 2, "a digit"), ("1e", 2, "a digit"), ("+1", 0, "a value"), (".5", 0, "a value"),
            ("NaN", 0, "a value"), ("// a", 0, "a value"), (#""a"#, 2, "the end of a string"),
            (#""\x""#, 2, "an escape"),
            (#""\u12g4""#, 5, "a hexadecimal digit"), (#""\ud800""#, 7, "half of a surrogate pair"),
            (#""\ude00""#, 7, "half of a surrogate pair"), (#""\ud800\u0041""#, 13, "half of a surrogate pair"),
            ("\"a\nb\"", 2, "a control character, byte 10"), ("\"\u{1B}\"", 1, "byte 27"), ("{\0}", 1, "not byte 0"),
            ("\u{FEFF}{}", 0, "a value"), ("[é]", 1, "not 'é'"),
            (String(repeating: "[", count: 65), 64, "within each other"),
            (String(repeating: #"{"a":"#, count: 65), 64 * 5, "within each other"),
            (String(repeating: "[", count: 100_000), 64, "within each other"),
        ] as [(String, Int, String)])
    func whatIsWrongIsTold(text: String, offset: Int, message: String) {
        let problem = #expect(throws: JSONText.Problem.self) { try JSONText.check(Array(text.utf8)) }
        #expect(problem?.offset == offset)
        #expect(problem?.message.contains(message) == true, "\(problem?.message ?? "")")
    }

    @Test(
        arguments: [
            ([0x22, 0xFF, 0x22], 1), ([0x22, 0xC3], 1), ([0xED, 0xA0, 0x80], 0), ([0x22, 0xC3, 0xA9, 0x80], 3),
        ] as [([UInt8], Int)])
    func whatIsNoTextIsTold(bytes: [UInt8], offset: Int) {
        #expect(throws: JSONText.Problem(offset: offset, message: "this is not valid UTF-8")) {
            try JSONText.check(bytes)
        }
    }

    @Test(
        arguments: [
            ("", #"{"a": [10, {"b/c": "x"}], "~": {}}"#), ("/a", #"[10, {"b/c": "x"}]"#), ("/a/0", "10"),
            ("/a/1/b~1c", #""x""#), ("/~0", "{}"), ("/b", nil), ("/a/2", nil), ("/a/0/b", nil), ("/b/c", nil),
            ("/a/b", nil),
        ] as [(String, String?)])
    func placesAreFound(pointer: String, value: String?) {
        let text = Array(#" {"a": [10, {"b/c": "x"}], "~": {}} "#.utf8)
        let range = JSONText.range(of: JSONPointer(pointer), in: text)
        #expect(range.map { String(decoding: text[$0], as: UTF8.self) } == value)
        #expect(JSONPointer(pointer).description == pointer)
    }

    @Test(arguments: [(0, 1, 1), (1, 1, 2), (2, 2, 1), (4, 2, 2), (5, 2, 3)])
    func linesAndColumnsAreCounted(offset: Int, line: Int, column: Int) {
        // The é has two bytes, and one column.
        let position = JSONText.position(of: offset, in: Array("a\né\"".utf8))
        #expect(position == (line, column))
    }
}
