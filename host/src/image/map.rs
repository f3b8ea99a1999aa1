//! Maps a file into memory, and tells system and processor which parts of it will be wanted.
//!
//! In: a path. Out: the bytes of a regular file, mapped read-only. Guaranteed: nothing is read at open
//! beyond the file's metadata; a pipe is refused without waiting for its writer. Not handled: a file that shrinks or
//! changes while it is mapped; see the SAFETY comment.
#![expect(unsafe_code, reason = "an image of many gigabytes is to be read without a copy, and only mmap does that")]

use std::fs::{self, File, FileType};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use memmap2::Mmap;

use super::error::{FileKind, ImageError};

/// Maps the whole of the file at `path`, which errors call `image`.
///
/// # Errors
/// `Open`, `NotRegular`, `Empty` or `Map`.
pub(super) fn map(path: &Path, image: &str) -> Result<Mmap, ImageError> {
    let open_error = |source| ImageError::Open { image: image.to_owned(), source };
    // Before opening: opening a FIFO waits for a writer.
    check_regular(fs::metadata(path).map_err(open_error)?.file_type(), image)?;
    let file = File::open(path).map_err(open_error)?;
    // Once more on what was opened, which a rename may have put in place of what was looked at.
    let metadata = file.metadata().map_err(open_error)?;
    check_regular(metadata.file_type(), image)?;
    if metadata.len() == 0 {
        return Err(ImageError::Empty { image: image.to_owned() });
    }
    // SAFETY:
    // 1. The mapping is read-only, `Mmap` owns it, and every slice of it borrows from the `Mmap`: no access
    //    is outside the mapping or after its end, and nothing in this process writes through it.
    // 2. What this process cannot rule out is another one changing the file. If the file is truncated while it is
    //    mapped, a read beyond its new end raises SIGBUS and the process dies; nothing is read that was not the file's.
    // 3. If the file is written while it is mapped, later reads may see the new bytes. By the letter of Rust's memory
    //    model that breaks the promise of a shared slice. ptwalk keeps the consequence small: what is decoded at open
    //    (headers, notes, segment bounds) is copied and checked against the mapping's fixed length, and every other
    //    byte is taken as a plain integer that is checked after it is read, so no byte of the file is trusted to stay
    //    as it was. Dumps are files at rest; whoever writes to one gets answers of a mixture.
    let mapping = unsafe { Mmap::map(&file) };
    mapping.map_err(|source| ImageError::Map { image: image.to_owned(), source })
}

/// Says that nearly all of a mapping will be read, so that the system may map it in huge pages and read it in large pieces.
/// It is true of table images. It is not of dumps, where tables are few and far apart: there each would bring 2 MiB along.
pub(super) fn advise_dense(mapping: &Mmap) {
    // A hint: a file system or kernel that cannot do it says so, and nothing is lost.
    #[cfg(target_os = "linux")]
    let _ = mapping.advise(memmap2::Advice::HugePage);
    #[cfg(not(target_os = "linux"))]
    let _ = mapping;
}

/// Bytes of a line of the cache.
const LINE_BYTES: usize = 64;

/// Has `bytes` brought closer to the processor, if it is of the mind to.
pub(crate) fn prefetch(bytes: &[u8]) {
    for offset in (0..bytes.len()).step_by(LINE_BYTES) {
        prefetch_line(bytes, offset);
    }
}

/// The same of the line at an offset, for a scan that asks for one line of what comes next with each that it reads: that
/// keeps memory busy all the time. Into the second cache, because the scan needs the few places that the first one has for
/// what it waits for.
#[inline(always)]
pub(crate) fn prefetch_line(bytes: &[u8], offset: usize) {
    #[cfg(target_arch = "x86_64")]
    if offset < bytes.len() {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86_64 has the instruction, and it is a hint that faults on no address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(bytes.as_ptr().wrapping_add(offset).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, offset);
}

fn check_regular(file_type: FileType, image: &str) -> Result<(), ImageError> {
    let kind = match file_type {
        t if t.is_file() => return Ok(()),
        t if t.is_dir() => FileKind::Directory,
        t if t.is_fifo() => FileKind::Fifo,
        t if t.is_socket() => FileKind::Socket,
        t if t.is_char_device() => FileKind::CharDevice,
        t if t.is_block_device() => FileKind::BlockDevice,
        _ => FileKind::Unknown,
    };
    Err(ImageError::NotRegular { image: image.to_owned(), kind })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn refused(path: &Path) -> Option<FileKind> {
        match map(path, "image") {
            Err(ImageError::NotRegular { kind, .. }) => Some(kind),
            _ => None,
        }
    }

    #[test]
    fn a_regular_file_is_mapped_whole() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("image");
        fs::write(&path, b"page tables")?;
        assert_eq!(map(&path, "image")?.get(..), Some(&b"page tables"[..]));
        Ok(())
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_by_kind() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        assert_eq!(refused(dir.path()), Some(FileKind::Directory));
        assert_eq!(refused(Path::new("/dev/null")), Some(FileKind::CharDevice));
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket)?;
        assert_eq!(refused(&socket), Some(FileKind::Socket));
        Ok(())
    }

    // Hangs, and does not fail, if the FIFO is opened before it is looked at.
    #[test]
    fn a_fifo_is_refused_without_waiting_for_its_writer() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let fifo = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status()?.success());
        assert_eq!(refused(&fifo), Some(FileKind::Fifo));
        Ok(())
    }

    #[test]
    fn an_empty_file_and_no_file_are_told_apart() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let empty = dir.path().join("empty");
        fs::write(&empty, b"")?;
        assert!(matches!(map(&empty, "image"), Err(ImageError::Empty { .. })));
        assert!(matches!(map(&dir.path().join("none"), "image"), Err(ImageError::Open { .. })));
        Ok(())
    }

    // A regular file by its metadata, with a size, but not mappable: sysfs attributes are so on every Linux.
    #[test]
    fn a_file_that_cannot_be_mapped_says_so() {
        let attribute = Path::new("/sys/devices/system/cpu/online");
        assert!(matches!(map(attribute, "image"), Err(ImageError::Map { .. })));
    }
}
