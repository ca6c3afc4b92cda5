/// Which pages of the host back the guest's memory.
public enum HugePages: String, Codable, CaseIterable, Sendable {
    /// 4 KiB pages only.
    case never
    /// 2 MiB pages where the host has them at hand (madvise(2), `MADV_HUGEPAGE`).
    case transparent
    /// 2 MiB pages from the host's reserved pool (`/proc/sys/vm/nr_hugepages`).
    case hugetlbfs
}
