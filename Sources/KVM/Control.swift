import CLinux
import Glibc
import Linux
import SystemPackage

/// Issues an ioctl(2) that takes a plain number, again whenever a signal interrupted it.
@discardableResult
func control(
    _ descriptor: borrowing OwnedDescriptor, _ request: UInt, _ name: StaticString, argument: UInt = 0,
    on subject: @autoclosure () -> String
) throws(KVMError) -> CInt {
    do {
        return try systemCall("\(name)") { ioctl_word(descriptor.rawValue, request, argument) }
    } catch {
        throw KVMError("\(name)", on: subject(), errno: error.errno)
    }
}

/// Issues an ioctl(2) that takes a structure.
@discardableResult
func control<Argument: BitwiseCopyable>(
    _ descriptor: borrowing OwnedDescriptor, _ request: UInt, _ name: StaticString, _ argument: inout Argument,
    on subject: @autoclosure () -> String
) throws(KVMError) -> CInt {
    try withUnsafeMutablePointer(to: &argument) { pointer throws(KVMError) in
        try control(descriptor, request, name, UnsafeMutableRawPointer(pointer), on: subject())
    }
}

@discardableResult
func control(
    _ descriptor: borrowing OwnedDescriptor, _ request: UInt, _ name: StaticString,
    _ argument: UnsafeMutableRawPointer?, on subject: @autoclosure () -> String
) throws(KVMError) -> CInt {
    try control(descriptor, request, name, argument: UInt(bitPattern: argument), on: subject())
}
