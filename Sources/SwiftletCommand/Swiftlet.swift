import ArgumentParser

struct Swiftlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract: "Runs Linux virtual machines that behave like well-mannered programs.",
        version: "0.1.0",
        subcommands: [
            RunCommand.self, ExecCommand.self, CopyCommand.self, PsCommand.self, LogsCommand.self, StopCommand.self,
            ServeCommand.self, KernelCommand.self, DoctorCommand.self, SchemaCommand.self, CompletionCommand.self,
        ])
}
