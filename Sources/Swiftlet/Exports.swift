// What the library's own declarations are about: the same values that the monitor and the control channel have.
@_exported import struct ControlMessages.CommandEnd
@_exported import struct ControlMessages.ControlError
@_exported import struct ControlMessages.CopyResult
@_exported import struct ControlMessages.GuestPanic
@_exported import struct ControlMessages.LogLine
@_exported import struct ControlMessages.TerminalSize
@_exported import struct ControlMessages.VMEnding
@_exported import enum ControlMessages.VMState
@_exported import struct ControlMessages.VMStateChanged
@_exported import enum MachineConfiguration.BootProtocolChoice
@_exported import struct MachineConfiguration.ByteSize
@_exported import enum MachineConfiguration.HugePages
@_exported import struct MachineConfiguration.MACAddress
@_exported import struct MachineConfiguration.VMConfiguration
