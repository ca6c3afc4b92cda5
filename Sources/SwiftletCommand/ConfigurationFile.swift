import Control
import FoundationEssentials
import Glibc
import Linux
import Machine
import MachineConfiguration

/// A machine's configuration as JSON in a file.
struct ConfigurationFile {
    struct Failure: Error, CustomStringConvertible {
        /// Begins with the file, and with the place where there is one.
        let description: String
    }

    /// The most bytes that one has.
    private static let limit = 1 << 20

    let path: String
    let configuration: VMConfiguration
    private let text: [UInt8]

    /// - Parameter path: of a regular file or a pipe.
    init(path: String) throws {
        self.path = path
        text = try Self.read(path)
        do {
            try JSONText.check(text)
        } catch {
            throw Failure(description: "\(Self.location(error.offset, in: text, path)): \(error.message)")
        }
        do {
            configuration = try JSONDecoder().decode(VMConfiguration.self, from: Data(text))
        } catch let error as DecodingError {
            let problem = DecodingProblem(error, in: text, schema: VMConfiguration.schema)
            throw Failure(description: "\(Self.location(of: problem.place, in: text, path)): \(problem)")
        }
    }

    /// Where a field is, such as `vm.json:3:15`; where it is not there, what it would be in.
    ///
    /// - Parameter field: a JSON pointer.
    func location(of field: String) -> String {
        Self.location(of: JSONPointer(field), in: text, path)
    }

    private static func location(of place: JSONPointer, in text: [UInt8], _ path: String) -> String {
        var place: JSONPointer? = place
        while let searched = place {
            if let range = JSONText.range(of: searched, in: text) { return location(range.lowerBound, in: text, path) }
            place = searched.parent
        }
        return path
    }

    private static func location(_ offset: Int, in text: [UInt8], _ path: String) -> String {
        let (line, column) = JSONText.position(of: offset, in: text)
        return "\(path):\(line):\(column)"
    }

    private static func read(_ path: String) throws -> [UInt8] {
        do throws(SystemCallError) {
            let file = try OwnedDescriptor.open(path, O_RDONLY | O_NOCTTY)
            var bytes: [UInt8] = []
            var part = [UInt8](repeating: 0, count: 16 << 10)
            while bytes.count <= limit {
                let count = try systemCall("read") { Glibc.read(file.rawValue, &part, part.count) }
                if count == 0 { return bytes }
                bytes += part[..<count]
            }
        } catch {
            throw Failure(
                description: """
                    \(path): the configuration cannot be read (\(error.call): \(error.errno)); name a file that holds one \
                    as JSON
                    """)
        }
        throw Failure(description: "\(path): a configuration has \(limit) bytes at most")
    }
}
