"""The same virtio devices for Swiftlet and for QEMU, as arguments of each."""

from dataclasses import dataclass

TRANSPORTS = ("mmio", "pci")

#: For all virtio devices of QEMU's microvm: virtio 1 also behind MMIO, and one I/O thread for all disks.
QEMU_VIRTIO = ["-global", "virtio-mmio.force-legacy=false", "-object", "iothread,id=io"]


@dataclass
class Disk:
    path: str
    #: Past the host's page cache.
    direct: bool = False
    #: By which the guest knows it.
    serial: str = ""

    def for_swiftlet(self):
        return ["--disk", f"path={self.path}{',direct' if self.direct else ''}"
                          f"{f',serial={self.serial}' if self.serial else ''}"]

    def for_qemu(self, transport):
        name = self.serial or "disk"
        return ["-drive", f"if=none,id={name},file={self.path},format=raw,file.locking=off,aio=io_uring,"
                          f"cache={'none' if self.direct else 'writeback'}",
                "-device", f"virtio-blk-{_kind(transport)},drive={name},iothread=io"
                           f"{f',serial={self.serial}' if self.serial else ''}"]


@dataclass
class Tap:
    """A network card on a tap interface that there is already."""

    interface: str
    #: Whether the host's kernel moves the frames, which Swiftlet leaves to itself.
    vhost: bool = False

    def for_swiftlet(self):
        return ["--net", f"tap={self.interface}"]

    def for_qemu(self, transport):
        # A PCI card would bring an option ROM to boot from.
        return ["-netdev", f"tap,id=net,ifname={self.interface},script=no,downscript=no,"
                           f"vhost={'on' if self.vhost else 'off'}",
                "-device", f"virtio-net-{_kind(transport)},netdev=net{',romfile=' if transport == 'pci' else ''}"]


def _kind(transport):
    return "device" if transport == "mmio" else "pci,disable-legacy=on"
