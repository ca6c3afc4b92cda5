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

/// Says what is wrong and ends the VM with `status`.
func fail(_ complaint: StaticString, status: UInt8) -> Never {
    Console.write("failed: ")
    Console.write(complaint)
    Console.write("\n")
    debugExit(status)
}

/// Goes on only when `condition` holds.
func require(_ condition: Bool, _ complaint: StaticString, status: UInt8) {
    if !condition { fail(complaint, status: status) }
}

/// Ends the VM with status 1 when a monitor that was asked to end it had time to and did not.
func failStillRunning() -> Never {
    _ = Deadline(megacycles: 4000).wait { false }
    fail("the VM is still running", status: 1)
}
