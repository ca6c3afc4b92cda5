/// Resets the machine through the keyboard controller.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("resetting through the keyboard controller\n")
    Port.keyboardController.write(byte: 0xFE)
    failStillRunning()
}
