import Foundation
import Swiftlet

/// Boots a guest, prints its console, and exits with its status: `guest KERNEL`.
@main
enum Guest {
    static func main() async {
        guard CommandLine.arguments.count == 2 else { fail("usage: guest KERNEL") }
        var configuration = VMConfiguration(kernel: .init(path: CommandLine.arguments[1]))
        configuration.memory = ByteSize(bytes: 64 << 20)
        do {
            let ending = try await withMicroVM(configuration, unreadConsole: .holdsGuest) { vm in
                for await bytes in vm.console { FileHandle.standardOutput.write(Data(bytes)) }
                return try await vm.wait()
            }
            exit(ending.cause == .reset ? 0 : Int32(ending.code ?? 255))
        } catch {
            fail("\(error)")
        }
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("guest: \(message)\n".utf8))
        exit(125)
    }
}
