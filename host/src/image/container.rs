//! File formats that hold memory but that ptwalk does not read.
//!
//! In: the first bytes of a file. Out: the name of the format and what to do about it. Guaranteed: recognised by magic
//! number alone, nothing behind the magic is read. Not handled: formats without a magic at a fixed place.

use std::fmt;

/// A format that is recognised in order to be refused helpfully.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// makedumpfile's flattened form, made for pipes (`makedumpfile -F`, QEMU's compressed dumps).
    Flattened,
    /// The kdump-compressed form of makedumpfile and of QEMU.
    Kdump,
    /// diskdump, the ancestor of kdump-compressed.
    Diskdump,
    /// LiME, the Linux Memory Extractor.
    Lime,
    /// AVML's compressed variant of LiME.
    Avml,
    /// A Windows crash dump.
    WindowsDump,
    /// A QEMU disk image.
    Qcow2,
    /// Compressed by zstd.
    Zstd,
    /// Compressed by gzip.
    Gzip,
    /// Compressed by xz.
    Xz,
    /// Compressed by bzip2.
    Bzip2,
    /// Compressed by lz4.
    Lz4,
}

const MAGICS: [(&[u8], Container); 13] = [
    (b"makedumpfile", Container::Flattened),
    (b"KDUMP   ", Container::Kdump),
    (b"DISKDUMP", Container::Diskdump),
    (&0x4c69_4d45_u32.to_le_bytes(), Container::Lime),
    (b"AVML", Container::Avml),
    (b"PAGEDU64", Container::WindowsDump),
    (b"PAGEDUMP", Container::WindowsDump),
    (b"QFI\xfb", Container::Qcow2),
    (b"\x28\xb5\x2f\xfd", Container::Zstd),
    (b"\x1f\x8b", Container::Gzip),
    (b"\xfd7zXZ\0", Container::Xz),
    (b"BZh", Container::Bzip2),
    (b"\x04\x22\x4d\x18", Container::Lz4),
];

impl Container {
    /// The format whose magic number the file begins with.
    pub fn detect(bytes: &[u8]) -> Option<Container> {
        MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|&(_, container)| container)
    }

    /// What to run or to do instead.
    pub fn advice(self) -> &'static str {
        match self {
            Container::Flattened => "rearrange it first: makedumpfile -R OUT < FILE",
            Container::Kdump | Container::Diskdump => {
                "take the dump as an ELF core: makedumpfile -E /proc/vmcore OUT, or QEMU's dump-guest-memory without \
                 a compression flag"
            }
            Container::Lime => "take the dump with LiME's format=padded and open it with --base 0",
            Container::Avml => "take the dump as an ELF core, or as raw memory and open it with --base ADDRESS",
            Container::WindowsDump => "take raw physical memory and open it with --base ADDRESS",
            Container::Qcow2 => "it holds a disk; take the guest's memory with QEMU's dump-guest-memory",
            Container::Zstd => "decompress it first: zstd -d FILE",
            Container::Gzip => "decompress it first: gzip -d FILE",
            Container::Xz => "decompress it first: xz -d FILE",
            Container::Bzip2 => "decompress it first: bzip2 -d FILE",
            Container::Lz4 => "decompress it first: lz4 -d FILE",
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Container::Flattened => "a flattened makedumpfile dump",
            Container::Kdump => "a kdump-compressed dump",
            Container::Diskdump => "a diskdump",
            Container::Lime => "a LiME dump",
            Container::Avml => "a compressed AVML dump",
            Container::WindowsDump => "a Windows crash dump",
            Container::Qcow2 => "a qcow2 disk image",
            Container::Zstd => "compressed by zstd",
            Container::Gzip => "compressed by gzip",
            Container::Xz => "compressed by xz",
            Container::Bzip2 => "compressed by bzip2",
            Container::Lz4 => "compressed by lz4",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Container, MAGICS};

    #[test]
    fn every_magic_is_its_own_and_needs_every_byte() {
        for (magic, container) in MAGICS {
            assert_eq!(Container::detect(magic), Some(container));
            let short = magic.split_last().map(|(_, head)| head).unwrap_or_default();
            assert_eq!(Container::detect(short), None, "{container}");
            let mut longer = magic.to_vec();
            longer.extend_from_slice(&[0xff; 64]);
            assert_eq!(Container::detect(&longer), Some(container));
        }
    }

    #[test]
    fn lime_is_little_endian_on_disk() {
        assert_eq!(Container::detect(b"EMiL\x01\0\0\0"), Some(Container::Lime));
    }

    #[test]
    fn elf_and_nothing_are_not_foreign() {
        assert_eq!(Container::detect(b"\x7fELF"), None);
        assert_eq!(Container::detect(b""), None);
    }
}
