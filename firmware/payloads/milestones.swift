/// Marks three points of a start-up.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("marking milestones 1, 2 and 3\n")
    Port.milestone.write(byte: 1)
    Port.milestone.write(byte: 2)
    Port.milestone.write(byte: 3)
    return 0
}
