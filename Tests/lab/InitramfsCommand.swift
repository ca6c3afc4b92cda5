import ArgumentParser

struct InitramfsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "initramfs", abstract: "Make a guest's initramfs around busybox.")

    func run() throws {
        throw LabFailure("later")
    }
}
