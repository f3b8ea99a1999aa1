//! The images: a user address space without a word about itself, and a kernel's with VMCOREINFO.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::Memory;
use crate::support::core::{ByteOrder, CoreBuilder};
use crate::support::program::arg;

/// Root of the user tables.
pub const ROOT: &str = "0x1000";
/// A page, writable and dirty, frame 0x80000.
pub const PAGE: &str = "0x400000";
/// The next page, PROT_NONE, frame 0x80001.
pub const PROTNONE: &str = "0x401000";
/// A page swapped out: type 1, offset 5.
pub const SWAPPED: &str = "0x402000";
/// An empty entry.
pub const HOLE: &str = "0x403000";
/// A page of device memory, frame 0x70000.
pub const DEVICE: &str = "0x404000";
/// A block of 2M, frame 0x90000.
pub const BLOCK: &str = "0x600000";
/// Leads to a table that the image does not hold.
pub const OUTSIDE: &str = "0x800000";
/// Neither a block nor a table at the pgd level.
pub const BAD: &str = "0x8000000000";
/// Leads back to the root.
pub const CYCLE: &str = "0x10000000000";
/// Between the halves.
pub const NOWHERE: &str = "0x1000000000000";

/// Address of the kernel's root, by its VMCOREINFO.
pub const KERNEL_PAGE: &str = "0xffff800000000000";

const USER_PAGE: u64 = 0x00e8_0000_0000_0f53;

/// Words of the user address space: 4K granule, 48 bits, as v5.3 writes them.
pub fn user_memory() -> Memory {
    let mut memory = Memory::default();
    for (pa, word) in [
        (0x1000, 0x2003),
        (0x1008, 0x5001), // bit 0 without bit 1
        (0x1010, 0x1003), // the root itself
        (0x2000, 0x3003),
        (0x3010, 0x4003),
        (0x3018, 0x00e8_0000_9000_0f51),
        (0x3020, 0x9_0000_0003),
        (0x4000, USER_PAGE | 0x8000_0000),
        (0x4008, 0x0460_0000_8000_1f92),
        (0x4010, 5 << 8 | 1 << 2),
        (0x4020, USER_PAGE | 0x7000_0000 | 1 << 57 | 1 << 56),
    ] {
        memory.store(pa, word);
    }
    memory
}

/// Files for one test.
pub struct Files {
    folder: TempDir,
}

impl Files {
    pub fn new() -> Files {
        Files { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A file of these bytes.
    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("the temporary folder can be written to");
        arg(&path).to_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A core of the user tables.
    pub fn user(&self) -> String {
        self.write("user.elf", &user_memory().core(ByteOrder::Little, 4096).build())
    }

    /// A core of a kernel's tables, which VMCOREINFO points to: one page at [`KERNEL_PAGE`].
    pub fn kernel(&self) -> String {
        self.write("kernel.elf", &kernel_core(0xffff_8000_1000_0000).build())
    }

    /// A file for `--pgmap` in which frame 0x70000 is device memory.
    pub fn pgmap(&self) -> String {
        let text = "[[pgmap]]\nstart = \"0x70000000\"\nend = \"0x78000000\"\ntype = \"fs-dax\"\n";
        self.write("pgmap.toml", text.as_bytes())
    }
}

/// A kernel's tables from 0x10000 on, with the address that VMCOREINFO gives for swapper_pg_dir.
pub fn kernel_core(swapper_pg_dir: u64) -> CoreBuilder {
    let mut memory = Memory::default();
    for (pa, word) in [
        (0x1_0000 + 256 * 8, 0x1_1003),
        (0x1_1000, 0x1_2003),
        (0x1_2000, 0x1_3003),
        (0x1_3000, 0x0068_0000_4319_5f13_u64),
    ] {
        memory.store(pa, word);
    }
    let voffset = 0xffff_8000_1000_0000_u64 - 0x1_0000;
    let info = format!(
        "OSRELEASE=6.1.0-50-arm64\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)={swapper_pg_dir:x}\nNUMBER(VA_BITS)=48\n\
         NUMBER(MAX_PHYSMEM_BITS)=48\nNUMBER(kimage_voffset)=0x{voffset:x}\nNUMBER(TCR_EL1_T1SZ)=0x10\n"
    );
    memory.core(ByteOrder::Little, 4096).note("VMCOREINFO", 0, info.as_bytes())
}
