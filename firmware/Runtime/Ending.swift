import Instructions

/// Ends the VM with `status`.
func debugExit(_ status: UInt8) -> Never {
    Port.debugExit.write(byte: status)
    stop()
}

/// Stops this CPU for good: only the monitor can end it now.
func stop() -> Never {
    while true {
        cli()
        hlt()
    }
}

/// Goes on only when `condition` holds; otherwise says what is wrong and ends the VM with `status`.
func require(_ condition: Bool, _ complaint: StaticString, status: UInt8) {
    if condition { return }
    Console.write("failed: ")
    Console.write(complaint)
    Console.write("\n")
    debugExit(status)
}

/// What a payload returns after it asked for the VM's end in vain: 1, once a monitor had time to act.
func stillRunning() -> UInt8 {
    _ = Deadline(gigacycles: 4).wait { false }
    Console.write("failed: the VM is still running\n")
    return 1
}
