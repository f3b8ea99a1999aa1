//! What `get_user_pages_fast` checks before it looks at a table.
//!
//! In: a request. Out: the range to walk, or why there is none and what the function returns. Guaranteed: the range lies
//! in what the root translates, whatever the modelled kernel lets through. `gup_fast_permitted` (x86_64: no bit of the
//! end above the lower half) is part of that bound.

use ptwalk_abi::{VaRange, VirtAddr};

use super::{FollFlags, Gup, StopReason};
use crate::errno::Errno;
use crate::walk::TableSet;

/// How `access_ok` compares a range with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessOk {
    /// `start + len` is at most the limit and does not wrap.
    Sum,
    /// ppc64 (arch/powerpc/include/asm/uaccess.h, v5.3): start and length are each below the limit. Whether a kernel
    /// does so is its policy's to say.
    Each,
}

impl AccessOk {
    /// How the architecture of that name does it.
    pub fn of_arch(arch: &str) -> AccessOk {
        if arch.starts_with("ppc") { AccessOk::Each } else { AccessOk::Sum }
    }
}

/// Why no table is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub reason: StopReason,
    /// What the function returns; `None` means 0 pages.
    pub errno: Option<Errno>,
}

/// The range of a request whose `start` is untagged and rounded down.
pub(super) fn range(tables: &TableSet<'_>, gup: &Gup, start: VirtAddr, nr: i64) -> Result<VaRange, Refused> {
    let policy = gup.policy;
    let hidden = policy.fast_only_hides_errors && gup.flags.has(FollFlags::FAST_ONLY);
    let error = |errno| (!hidden).then_some(errno);
    if !policy.accepts(gup.flags) {
        return Err(Refused { reason: StopReason::Flags, errno: error(Errno::Einval) });
    }
    let not_user = Refused { reason: StopReason::AccessOk, errno: error(Errno::Efault) };
    // The kernel's parameter is an int; more pages than that cannot be asked for.
    let Ok(pages) = i32::try_from(nr) else { return Err(not_user) };
    let nothing = if pages > 0 { StopReason::AccessOk } else { StopReason::Complete };
    let len = (i64::from(pages) << tables.geometry.page_shift()).cast_unsigned();
    let end = start.0.wrapping_add(len);
    if policy.overflow_is_an_error && end < start.0 {
        return Err(Refused { reason: StopReason::AccessOk, errno: error(Errno::Eoverflow) });
    }
    // v5.10 and later have no test for 0 pages; their walk of an empty range would not end.
    if end <= start.0 {
        return Err(Refused { reason: nothing, errno: None });
    }
    let limit = tables.geometry.task_size_max();
    let each = gup.access_ok == AccessOk::Each && policy.ppc_leaves_sum_unchecked;
    let accessible = if each { start.0 < limit && len < limit } else { len <= limit && end <= limit };
    if (policy.asks_access_ok && !accessible) || (policy.checks_task_size && end > limit) {
        return Err(not_user);
    }
    let range = VaRange::new(start, len).ok_or(not_user)?;
    // What the kernel does beyond its tables is not known: it would index them with what is left of the address.
    let whole = tables.whole().ok_or(not_user)?;
    if !whole.contains(range.first) || !whole.contains(range.last) {
        return Err(Refused { reason: StopReason::AccessOk, errno: None });
    }
    Ok(range)
}
