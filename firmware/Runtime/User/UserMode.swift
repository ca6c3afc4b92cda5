import Instructions

/// Programs that run at CPL 3, with interrupts on and free to use every port and all memory.
///
/// Interrupts from vector 32 up are counted by `InterruptTable.count(_:)`, in a few instructions.
enum UserMode {
    /// Runs a program to its end.
    ///
    /// Ends the VM with status 206 when the program raises an exception.
    static func run(_ program: @convention(c) (UnsafeMutableRawPointer?) -> Void, _ argument: UnsafeMutableRawPointer?)
    {
        let invalidOpcode: UInt64 = 6
        LegacyInterrupts.mask()
        let vector = run_user(program, argument)
        // The program ends by that exception, when it has returned.
        if vector != invalidOpcode {
            Console.write("vector: ")
            Console.write(decimal: vector)
            Console.write("\n")
            fail("an exception came from user mode", status: 206)
        }
    }
}
