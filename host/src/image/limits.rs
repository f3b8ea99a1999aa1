//! Every ceiling of the image readers, with its unit and its reason.
//!
//! In and out: constants. Guaranteed: what an image makes ptwalk allocate or compute when it is opened is bounded by
//! these, not by what its headers claim. Not here: the size of the image itself, which is mapped and never copied.

/// Program headers of an ELF core. `/proc/vmcore` and QEMU write one per memory range, a few thousand on the largest
/// machines; a core of page tables alone has one per run of table frames. A million keeps the segment list within
/// 24 MiB.
pub const PROGRAM_HEADERS: u64 = 1 << 20;

/// Bytes of work spent on comparing segments that claim the same physical memory. The kernel image appears twice in
/// `/proc/vmcore` and is at most a few hundred MiB; this much compares in a fraction of a second.
pub const OVERLAP_BYTES: u64 = 512 << 20;

/// What one visit of an overlapped piece costs out of [`OVERLAP_BYTES`] before a byte of it is compared, so that many
/// headers overlapping by little are bounded as well.
pub const OVERLAP_VISIT_BYTES: u64 = 64;

/// Notes of an ELF core. Linux and QEMU write up to four per CPU, and Linux has at most 8192 CPUs.
pub const NOTES: usize = 1 << 16;

/// Bytes of a note's owner name with its final NUL. The longest in use are below 16.
pub const NOTE_OWNER_BYTES: u64 = 64;

/// Bytes of a VMCOREINFO note. Linux keeps it within one page; QEMU v9.0 accepts no guest note above this size
/// (`dump/dump.c`, `MAX_GUEST_NOTE_SIZE`).
pub const VMCOREINFO_BYTES: u64 = 1 << 20;

/// Bytes of the header of a table image. A million extents take 16 MiB; the rest is for pages and text.
pub const PTIMG_HEADER_BYTES: usize = 32 << 20;

/// Extents of a table image: as many as an ELF core may have program headers, so that any core can become one.
pub const PTIMG_EXTENTS: usize = 1 << 20;

/// Roots of a table image: one for each process of a large machine, twice over. Each is walked.
pub const PTIMG_ROOTS: usize = 1 << 16;

/// Bytes of a name in the header of a table image. The longest extern has 34.
pub const PTIMG_NAME_BYTES: usize = 64;

/// Bytes of the text in which a table image says where it comes from.
pub const PTIMG_PROVENANCE_BYTES: usize = 64 << 10;
