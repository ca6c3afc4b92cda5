import Foundation
import Testing

/// A client of `swiftlet serve` in the lab, which is a script.
enum ControlClient {
    /// Serves a guest of each kernel, one after the other, to a script.
    ///
    /// - Parameters:
    ///   - script: shell functions: `prepare`, `drive KERNEL APPEND`, which is the client of a server that was started, and
    ///     `clean_up`. The kernel is in the file KERNEL, its initramfs in KERNEL.cpio, and the guest's console is to be
    ///     written to $guest.
    ///   - files, options: of `lab run`.
    static func driveGuests(
        with contents: GuestContents, script: String, files: [String] = [], options: [String] = []
    ) throws -> [GuestBatch.Kernel: GuestBatch.Result] {
        let kernels = GuestBatch.Kernel.allCases
        let directory = FileManager.default.temporaryDirectory.appending(path: "served-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }

        var supplied = files
        for kernel in kernels {
            let initramfs = "\(directory)/\(kernel.rawValue).cpio"
            try contents.makeInitramfs(initramfs, modules: "\(try GuestBatch.directory(of: kernel))/modules")
            supplied += [
                "\(initramfs):\(kernel.rawValue).cpio",
                "\(try GuestBatch.directory(of: kernel))/vmlinuz:\(kernel.rawValue)",
            ]
        }
        try LabHost.runAgainWhereItFails(
            functions + script + "\n" + kernels.map { "serve \($0.rawValue) '\($0.append)'\n" }.joined(),
            files: supplied, options: ["--out", "\(directory)/out", "--timeout", "15m"] + options + GuestBatch.program)
        return try Dictionary(
            uniqueKeysWithValues: kernels.map { kernel in
                func text(_ suffix: String) throws -> String {
                    try String(contentsOfFile: "\(directory)/out/\(kernel.rawValue).\(suffix)", encoding: .utf8)
                }
                let status = try #require(Int(text("status").split(separator: "\n").joined()))
                return (
                    kernel,
                    GuestBatch.Result(
                        status: status, output: try text("guest"), errors: try text("errors"), host: try text("host"),
                        seconds: 0)
                )
            })
    }

    /// `start_server FILE` starts a server with its stderr in FILE and its number in $pid, which ends when
    /// descriptor 3 is closed. `request METHOD PARAMETERS` prints the method's name when the request is granted, and
    /// otherwise its answer too. `await TEXT` waits until the file $guest has TEXT.
    static let functions = """
        start_server() {
            rm -f requests answers
            mkfifo requests
            timeout -s KILL 300 swiftlet serve <requests >answers 2>$1 & pid=$!
            exec 3>requests
            number=0
        }
        request() {
            number=$((number + 1))
            # Without quotes around the parameters, which become one line.
            echo '{"jsonrpc":"2.0","id":'$number',"method":"'$1'","params":'$2'}' >&3
            for try in $(seq 2400); do
                answer=$(grep "\\"id\\":$number,\\"jsonrpc\\"" answers) && break
                usleep 50000
            done
            case $answer in
            *'"result"'*) echo "$1" ;;
            *) echo "$1 $2: $answer" ;;
            esac
        }
        await() {
            for try in $(seq 2400); do
                grep -q "$1" $guest && return
                usleep 50000
            done
            echo "no '$1'"
        }
        serve() {
            guest=$OUT/$1.guest
            prepare
            start_server $OUT/$1.errors
            drive "$@" >$OUT/$1.host 2>&1
            exec 3>&-
            wait $pid
            echo $? >$OUT/$1.status
            clean_up
        }

        """
}
