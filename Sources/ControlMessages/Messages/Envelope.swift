import MachineConfiguration

/// What all messages of a client have in common (JSON-RPC 2.0 §4).
package struct Envelope: Decodable {
    /// Nil for a notification, which is never answered.
    package let id: RequestID?
    package let method: String
    package let hasParams: Bool

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case jsonrpc, id, method, params
    }

    package init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        guard try fields.require(.jsonrpc) == "2.0" else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [CodingKeys.jsonrpc], debugDescription: #"the version must be "2.0""#))
        }
        // Null is no id: a client that made it by mistake would wait for its answer.
        id = fields.has(.id) ? try fields.require(.id, as: RequestID.self) : nil
        method = try fields.require(.method)
        hasParams = fields.has(.params)
    }
}

extension Envelope: DescribedObject {
    package static let summary = "A request."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .jsonrpc: .required(.choice(["2.0"]), "The version of JSON-RPC")
        case .id: .optional(RequestID.self, "What the answer is to be known by; without it there is none")
        case .method: .required(String.self, "What is to be done")
        case .params: .optional(.anyObject, "What it is to be done with")
        }
    }
}

/// The id of a message that may otherwise be no good.
package struct MessageIdentity: Decodable {
    package let id: RequestID?
}

/// What a message asks for whose method is known.
package struct Call<Params: Decodable>: Decodable {
    package let params: Params
    /// How long its sender will wait for the answer; nil for as long as it takes.
    package let timeout: Milliseconds?

    private enum CodingKeys: CodingKey {
        case params
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        params = try container.decode(Params.self, forKey: .params)
        let shared = try container.nestedContainer(keyedBy: SharedParameters.CodingKeys.self, forKey: .params)
        timeout = try shared.decodeIfPresent(Milliseconds.self, forKey: .timeoutMs)
    }
}

/// The parameters that all methods have besides their own.
package enum SharedParameters: DescribedObject {
    package enum CodingKeys: CodingKey, CaseIterable {
        case timeoutMs
    }

    package static let summary = "What any request may have among its parameters."
    package static var names: Set<String> { Set(CodingKeys.allCases.map(\.stringValue)) }

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .timeoutMs:
            .optional(
                Milliseconds.self,
                "Milliseconds after which the answer is an error of kind timeout; for ever unless given")
        }
    }
}
