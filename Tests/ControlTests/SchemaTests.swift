import ControlMessages
import Foundation
import Testing

@testable import Control
@testable import MachineConfiguration

/// What types say of themselves is what decoders take and encoders give.
struct SchemaTests {
    /// All that clients send.
    private static var requested: [String: any DescribedObject.Type] {
        var types: [String: any DescribedObject.Type] = [:]
        for method in methods { parameters(of: method).schema.collectObjects(into: &types) }
        return types
    }

    private static var all: [String: any DescribedObject.Type] {
        OpenRPC(methods: methods).objects.merging(requested) { type, _ in type }
    }

    private static var methods: [any ControlMethod.Type] {
        (try? ServedClient().server.openRPC.methods) ?? []
    }

    private static func parameters<Method: ControlMethod>(of _: Method.Type) -> any DescribedObject.Type {
        Method.Params.self
    }

    @Test func everythingIsReached() {
        #expect(Self.all.count > 25)
        for name in ["VMConfigurationDisk", "VMCreateParams", "VMStatsVCPU", "ControlError", "Hello", "NoFields"] {
            #expect(Self.all.keys.contains(name))
        }
        #expect(Self.requested.keys.contains("VMConfigurationPort") && !Self.requested.keys.contains("VMStatsVCPU"))
    }

    @Test(arguments: all.keys.sorted())
    func fieldsAreWhatIsDecoded(name: String) throws {
        guard let type = Self.all[name] as? any (DescribedObject & Codable).Type else {
            Issue.record("\(name) cannot be decoded and encoded")
            return
        }
        try check(type)
    }

    private func check<Value: DescribedObject & Codable>(_ type: Value.Type) throws {
        func decode(_ fields: [String: JSONValue]) throws -> Value {
            try JSONDecoder().decode(type, from: try JSONEncoder().encode(JSONValue.object(fields)))
        }
        func encoded(_ value: Value) throws -> [String: JSONValue] {
            try JSONDecoder().decode([String: JSONValue].self, from: try JSONEncoder().encode(value))
        }
        let least = type.sample
        let most = type.fullSample

        // Each field is kept, and those that are not given are left out or have their defaults.
        #expect(try encoded(decode(most)) == most)
        let usual = try encoded(decode(least))
        for field in type.fields where least[field.name] == nil {
            let isWithoutValue = usual[field.name] == nil || !field.description.schema.isSimple
            #expect(isWithoutValue || usual[field.name] == field.description.usual, "the default of \(field.name)")
        }
        for (name, description) in type.fields {
            #expect(!description.text.isEmpty && description.text.last != ".", "\(name)")
            var fields = most
            for wrong in description.schema.counterexamples where wrong.isRefusedByType(description.schema) {
                fields[name] = wrong
                #expect(throws: (any Error).self, "\(name): \(wrong)") { try decode(fields) }
            }
            fields[name] = .null
            if description.isRequired {
                #expect(throws: DecodingError.self, "\(name) is null") { try decode(fields) }
                fields[name] = nil
                #expect(throws: DecodingError.self, "\(name) is missing") { try decode(fields) }
            } else if !type.alternativeNames.contains(name) {
                #expect(throws: Never.self, "\(name) is null") { try decode(fields) }
            }
        }
        if Self.requested[type.schemaName] != nil {
            #expect(throws: DecodingError.self, "an unknown field") {
                try decode(least.merging(["nonsense": 1]) { $1 })
            }
        }
    }

    /// Field by field of a configuration: what the schema says is what validation takes.
    @Test(arguments: VMConfiguration.fields.map(\.name))
    func rangesAreThoseOfValidation(name: String) throws {
        let schema = try #require(VMConfiguration.field(name)?.schema)
        let inner: (pointer: String, type: any DescribedObject.Type)? =
            switch schema {
            case .object(let type): ("/\(name)", type)
            case .list(.object(let type), _): ("/\(name)/0", type)
            default: nil
            }
        guard let inner else { return try checkRange(of: schema, "/\(name)") { ["\(name)": $0] } }
        for field in inner.type.fields {
            try checkRange(of: field.description.schema, "\(inner.pointer)/\(field.name)") { value in
                var fields = inner.type.sample
                // Only one of several.
                if inner.type.alternativeNames.contains(field.name) {
                    for other in inner.type.alternativeNames { fields[other] = nil }
                }
                fields[field.name] = value
                if case .list = schema { return [name: [.object(fields)]] }
                return [name: .object(fields)]
            }
        }
    }

    private func checkRange(
        of schema: Schema, _ pointer: String, _ fields: (JSONValue) -> [String: JSONValue]
    ) throws {
        /// Whether nothing is wrong with the field.
        func isAccepted(_ value: JSONValue) throws -> Bool {
            let all = ["kernel": ["path": "k"]].merging(fields(value)) { $1 }
            do {
                let text = try JSONEncoder().encode(JSONValue.object(all))
                try JSONDecoder().decode(VMConfiguration.self, from: text).validate()
                return true
            } catch let error as ConfigurationError {
                return error.field != pointer
            } catch let error as DecodingError {
                return DecodingProblem(error, in: [], schema: VMConfiguration.schema).place.description != pointer
            }
        }
        for wrong in schema.counterexamples where schema.isSimple || schema.isLimitedList {
            #expect(try !isAccepted(wrong), "\(pointer): \(wrong)")
        }
        switch schema {
        case .wholeNumber(let range):
            for value in [range.lowerBound, range.upperBound] {
                #expect(try isAccepted(.integer(value)), "\(pointer): \(value)")
            }
        case .powerOfTwo(let range):
            for value in range where value.nonzeroBitCount == 1 {
                #expect(try isAccepted(.integer(Int128(value))), "\(pointer): \(value)")
            }
        case .choice(let values):
            for value in values { #expect(try isAccepted(.string(value)), "\(pointer): \(value)") }
        case .text(let text):
            for value in Self.texts {
                // A schema cannot compare sizes and quotas.
                let isExact = !["/memory", "/balloon/size", "/agent/diskSize", "/limits/cpuQuota"].contains(pointer)
                let isAllowed = try text.allows(value)
                #expect(
                    try isAccepted(.string(value)) == isAllowed || isAllowed && !isExact,
                    "\(pointer): \(value.debugDescription)")
            }
        default: break
        }
    }

    /// All kinds of texts, for fields to take or not to take.
    private static let texts =
        [
            "", "0", "512", "512M", "2g", "64KiB", "1.5G", "16 M", "-1M", "a", ".", "..", "...", "a.b", "a/b", "a\0b",
            "a\nb", "é",
            "0.5", "1.2345", "150%", "12.34%", "events", "inherit", "discard", "file:", "file:x", "52:54:00:12:34:56",
            "52:54:00:AB:cd:ef",
            "52-54-00-12-34-56",
            "52:54:00:12:34", "52:54:00:12:34:56:78", "none",
        ] + [20, 21, 64, 65, 96, 97, 107, 108].map { String(repeating: "x", count: $0) }
}

extension JSONValue {
    /// Whether a decoder can see it without knowing the field: validation does the rest.
    fileprivate func isRefusedByType(_ schema: Schema) -> Bool {
        switch (self, schema) {
        case (.integer, .wholeNumber), (.integer, .powerOfTwo), (.array, .list(_, .some)): false
        default: true
        }
    }
}

extension Schema {
    fileprivate var isSimple: Bool { !isCompound }

    fileprivate var isLimitedList: Bool {
        if case .list(_, .some) = self { true } else { false }
    }
}

extension Schema.Text {
    fileprivate func allows(_ value: String) throws -> Bool {
        if let length, !length.contains(value.unicodeScalars.count) { return false }
        guard let pattern else { return true }
        let expression = try NSRegularExpression(pattern: pattern)
        let whole = NSRange(location: 0, length: value.utf16.count)
        return expression.firstMatch(in: value, range: whole)?.range == whole
    }
}
