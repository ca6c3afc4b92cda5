import ControlMessages
import MachineConfiguration

/// The description of a server's methods and notifications (OpenRPC 1.3.2, https://spec.open-rpc.org), made from the types
/// that it decodes and encodes.
struct OpenRPC {
    static let notifications: [any ControlNotification.Type] = [
        Hello.self, VMStateChanged.self, VMEnding.self, ConsoleText.self, GuestPanic.self, LogLine.self,
        ExecOutput.self, ExecExited.self,
    ]

    private static let conventions = """
        JSON-RPC 2.0, UTF-8, one message a line. The server speaks first. Parameters are given by name; one that is null \
        is as good as left out, and an unknown one is an error.

        Besides what OpenRPC knows: 'x-params' of a method is the JSON Schema of its params as a whole, 'data' of an \
        error the JSON Schema of its data. 'x-notifications' are messages of the server that are no answers. Any message \
        may be answered with the errors in 'components'.
        """

    let methods: [any ControlMethod.Type]

    var document: JSONValue {
        [
            "openrpc": "1.3.2",
            "info": [
                "title": "Swiftlet's control channel", "version": .string(Hello.currentProtocol),
                "description": .string(Self.conventions), "license": ["name": "Apache-2.0"],
            ],
            "methods": .array(methods.map { Self.describe($0) }),
            "x-notifications": .array(Self.notifications.map { Self.describe($0) }),
            "x-jsonSchemaDialect": .string(Schema.dialect),
            "components": [
                "schemas": .object(objects.mapValues { $0.definition }), "errors": .object(Self.generalErrors),
            ],
        ]
    }

    private static func describe<Method: ControlMethod>(_ method: Method.Type) -> JSONValue {
        [
            "name": .string(Method.name), "summary": .string(Method.summary), "paramStructure": "by-name",
            "params": .array(parameters(of: Method.Params.self) + sharedParameters(besides: Method.Params.self)),
            "x-params": withSharedParameters(Method.Params.definition),
            "result": ["name": "result", "schema": Method.Result.schema.json],
            "errors": .array(errors(of: method)),
        ]
    }

    private static func describe<Notification: ControlNotification>(_ notification: Notification.Type) -> JSONValue {
        [
            "name": .string(Notification.method), "summary": .string(Notification.occasion),
            "paramStructure": "by-name", "params": .array(parameters(of: notification)),
            "x-params": Notification.schema.json,
        ]
    }

    /// Each field on its own, those that must be there first.
    private static func parameters<Params: DescribedObject>(of params: Params.Type) -> [JSONValue] {
        let fields = Params.fields
        let ordered = fields.filter(\.description.isRequired) + fields.filter { !$0.description.isRequired }
        return ordered.map { describe($0.name, $0.description) }
    }

    private static func describe(_ name: String, _ description: FieldDescription) -> JSONValue {
        [
            "name": .string(name), "required": .boolean(description.isRequired),
            "description": .string(description.sentences), "schema": description.json,
        ]
    }

    /// Of the parameters that all methods have, those that a method does not describe itself.
    private static func sharedParameters<Params: DescribedObject>(besides params: Params.Type) -> [JSONValue] {
        let own = Set(Params.fields.map(\.name))
        return SharedParameters.fields.filter { !own.contains($0.name) }.map { describe($0.name, $0.description) }
    }

    private static func withSharedParameters(_ definition: JSONValue) -> JSONValue {
        guard case .object(var parts) = definition, case .object(var properties)? = parts["properties"] else {
            return definition
        }
        for (name, description) in SharedParameters.fields where properties[name] == nil {
            properties[name] = description.json
        }
        parts["properties"] = .object(properties)
        return .object(parts)
    }

    /// For each code, one error with all kinds that come with it.
    private static func errors<Method: ControlMethod>(of method: Method.Type) -> [JSONValue] {
        let kinds = Dictionary(
            grouping: Method.commonErrorKinds + Method.errorKinds, by: { ErrorCode($0) })
        return kinds.sorted { $0.key.rawValue < $1.key.rawValue }.map { describe($0.key, kinds: $0.value) }
    }

    private static func describe(_ code: ErrorCode, kinds: [ControlError.Kind]) -> JSONValue {
        [
            "code": .integer(Int128(code.rawValue)), "message": .string(code.meaning),
            "data": [
                "allOf": [
                    ControlError.schema.json,
                    ["properties": ["kind": ["enum": .array(kinds.map { .string($0.rawValue) })]]],
                ]
            ],
        ]
    }

    /// How a message is answered that does not get as far as a method.
    private static var generalErrors: [String: JSONValue] {
        [
            "ParseError": describe(.parseError, kinds: [.invalidArgument]),
            "InvalidRequest": describe(.invalidRequest, kinds: [.invalidArgument]),
            "MethodNotFound": describe(.methodNotFound, kinds: [.unsupported]),
        ]
    }

    /// All objects that the document refers to.
    var objects: [String: any DescribedObject.Type] {
        var objects: [String: any DescribedObject.Type] = [:]
        for method in methods { Self.collectObjects(of: method, into: &objects) }
        for notification in Self.notifications { notification.schema.collectObjects(into: &objects) }
        ControlError.schema.collectObjects(into: &objects)
        return objects
    }

    private static func collectObjects<Method: ControlMethod>(
        of method: Method.Type, into objects: inout [String: any DescribedObject.Type]
    ) {
        for field in Method.Params.fields { field.description.schema.collectObjects(into: &objects) }
        Method.Result.schema.collectObjects(into: &objects)
    }
}
