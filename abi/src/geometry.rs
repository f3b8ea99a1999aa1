//! The shape of a table set: which levels exist, what they span, where the halves of the address space lie.
//!
//! In: the zero-argument helpers of a plugin and one probe per level. Out: a [`Geometry`] that adds up, or what is
//! wrong with it. Folded levels disappear here: a [`Slot`] is one word of a real table, under the one level name by
//! which the kernel really tests it.

use core::fmt;

use crate::{Helper, Level, Op, VirtAddr};

/// One real level of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The level name under which the kernel tests the word; the names folded into it are constants.
    pub level: Level,
    /// log2 of the bytes that one entry spans.
    pub shift: u32,
    /// Entries in one table, a power of two.
    pub entries: u32,
}

impl Slot {
    /// Bytes that one entry spans.
    pub const fn span_bytes(self) -> u64 {
        1 << self.shift
    }

    /// Bytes of one table.
    pub const fn table_bytes(self) -> u64 {
        self.entries as u64 * 8
    }

    /// Index of the entry that translates `va`: `(va >> shift) & (entries - 1)`.
    pub const fn index(self, va: VirtAddr) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "masked to fewer than 32 bits first")]
        let index = ((va.0 >> self.shift) & (self.entries as u64 - 1)) as u32;
        index
    }

    /// The name to show for the level: the deciding one, but `pgd` where only the p4d is folded into it. Linux has
    /// tested that word as a p4d since arm64 gave up `5level-fixup.h` (v5.8), and people call it the pgd still.
    pub const fn shown_level(self, is_root: bool) -> Level {
        match self.level {
            Level::P4d if is_root => Level::Pgd,
            level => level,
        }
    }
}

/// Half of the address space: user mode's or the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// From address 0 up.
    Lower,
    /// The kernel's.
    Upper,
}

impl Half {
    /// `lower` or `upper`.
    pub const fn name(self) -> &'static str {
        match self {
            Half::Lower => "lower",
            Half::Upper => "upper",
        }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A non-empty range of virtual addresses. It keeps its last address, because the range that ends the address space
/// has no first address above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaRange {
    /// First address.
    pub first: VirtAddr,
    /// Last address, included.
    pub last: VirtAddr,
}

impl VaRange {
    /// `len` bytes from `first`, cut at the end of the address space; `None` where `len` is 0.
    pub const fn new(first: VirtAddr, len: u64) -> Option<VaRange> {
        if len == 0 {
            return None;
        }
        Some(VaRange { first, last: VirtAddr(first.0.saturating_add(len - 1)) })
    }

    /// First address above the range: at most 2^64.
    pub const fn end(self) -> u128 {
        self.last.0 as u128 + 1
    }

    /// Bytes in the range: at most 2^64.
    pub const fn bytes(self) -> u128 {
        self.end() - self.first.0 as u128
    }

    /// Whether `va` lies in the range.
    pub const fn contains(self, va: VirtAddr) -> bool {
        self.first.0 <= va.0 && va.0 <= self.last.0
    }

    /// What the two ranges share.
    pub fn intersect(self, other: VaRange) -> Option<VaRange> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(VaRange { first, last })
    }
}

/// The shape of a table set under one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    slots: [Slot; 5],
    depth: usize,
    lower_half_end: u64,
    upper_half_start: u64,
    task_size_max: u64,
    pa_bits: u32,
    /// Entries are stored most significant byte first.
    pub big_endian: bool,
    /// One root table serves both halves of the address space.
    pub shared_root: bool,
}

impl Geometry {
    /// Bits of a physical address that an entry may hold, where nobody says otherwise: what x86_64 and arm64 with LPA2
    /// define.
    pub const PA_BITS_OF_MOST: u64 = 52;
    /// The same, at most: with them a frame number, the index in the largest table and two facts fit into 64 bits.
    pub const PA_BITS_MAX: u32 = 56;

    /// Asks a plugin for its geometry and checks that it adds up.
    ///
    /// `page_shift` is log2 of the granule; `ask` calls a helper, with the generic stub where the plugin has none.
    /// Each helper is asked once.
    ///
    /// # Errors
    /// [`GeometryError`], which holds the values that do not fit together, or what `ask` returned.
    pub fn evaluate<E: From<GeometryError>>(
        page_shift: u32,
        mut ask: impl FnMut(Helper, u64) -> Result<u64, E>,
    ) -> Result<Geometry, E> {
        let mut slots = [Slot { level: Level::Pgd, shift: 0, entries: 0 }; 5];
        let mut depth = 0;
        let mut named = 0;
        for level in Level::DESCENT {
            let entries = count(Op::Ptrs, level, &mut ask)?;
            let shift = if level == Level::Pte { page_shift } else { count(Op::Shift, level, &mut ask)? };
            let tested = match Helper::find(level, Op::None) {
                Some(none) => ask(none, 0)? != 0,
                None => false,
            };
            let folded = entries == 1 && depth > 0 && level != Level::Pte;
            if folded {
                let above = slots[depth - 1].shift;
                if shift != 0 && shift != above {
                    return Err(GeometryError::FoldedShift { level, shift, above }.into());
                }
            } else {
                if depth > 0 && named != 1 {
                    return Err(GeometryError::Tested { level: slots[depth - 1].level, times: named }.into());
                }
                named = 0;
                if !entries.is_power_of_two() || entries > 1 << 16 || (entries == 1 && level == Level::Pte) {
                    return Err(GeometryError::Entries { level, entries }.into());
                }
                slots[depth] = Slot { level, shift, entries };
                depth += 1;
            }
            if tested {
                slots[depth - 1].level = level;
                named += 1;
            }
        }
        if named != 1 {
            return Err(GeometryError::Tested { level: Level::Pte, times: named }.into());
        }
        let geometry = Geometry {
            slots,
            depth,
            lower_half_end: ask(Helper::LOWER_HALF_END, 0)?,
            upper_half_start: ask(Helper::UPPER_HALF_START, 0)?,
            task_size_max: ask(Helper::TASK_SIZE_MAX, 0)?,
            pa_bits: pa_bits(ask(Helper::PTE_PA_BITS, 0)?)?,
            big_endian: ask(Helper::TABLES_BIG_ENDIAN, 0)? != 0,
            shared_root: ask(Helper::SHARED_ROOT, 0)? != 0,
        };
        geometry.check().map_err(E::from)?;
        Ok(geometry)
    }

    fn check(&self) -> Result<(), GeometryError> {
        let slots = self.slots();
        for pair in slots.windows(2) {
            let (upper, lower) = (pair[0], pair[1]);
            if u64::from(upper.shift) != u64::from(lower.shift) + u64::from(lower.entries.trailing_zeros()) {
                return Err(GeometryError::Gap {
                    level: upper.level,
                    shift: upper.shift,
                    below: lower.level,
                    below_shift: lower.shift,
                    below_entries: lower.entries,
                });
            }
        }
        let root = slots[0];
        let root_bits = u64::from(root.shift) + u64::from(root.entries.trailing_zeros());
        let page_mask = (1u64 << slots[slots.len() - 1].shift) - 1;
        let (lower_end, upper_start) = (self.lower_half_end, self.upper_half_start);
        let covered = root_bits >= 64 || lower_end <= 1 << root_bits;
        let apart = upper_start == 0 || upper_start >= lower_end;
        if root_bits > 64 || lower_end == 0 || !covered || !apart || (lower_end | upper_start) & page_mask != 0 {
            return Err(GeometryError::Halves { root_bits, lower_end, upper_start });
        }
        // A half that begins in the middle of the root table must end before the table does.
        let root_bytes = 1u128 << root_bits;
        if u128::from(upper_start) % root_bytes + u128::from(lower_end) > root_bytes {
            return Err(GeometryError::Halves { root_bits, lower_end, upper_start });
        }
        Ok(())
    }

    /// The real levels, root first; the last is the pte level.
    #[inline]
    pub fn slots(&self) -> &[Slot] {
        &self.slots[..self.depth]
    }

    /// The level of the root table, by the name under which it is shown.
    pub fn root_level(&self) -> Level {
        self.slots[0].shown_level(true)
    }

    /// log2 of the granule.
    pub fn page_shift(&self) -> u32 {
        self.slots[self.depth - 1].shift
    }

    /// Bits of a physical address that an entry may hold.
    pub fn pa_bits(&self) -> u32 {
        self.pa_bits
    }

    /// The addresses of a half, or `None` where the architecture has no such half.
    pub fn half(&self, half: Half) -> Option<VaRange> {
        match half {
            Half::Lower => VaRange::new(VirtAddr(0), self.lower_half_end),
            Half::Upper if self.upper_half_start == 0 => None,
            Half::Upper => VaRange::new(VirtAddr(self.upper_half_start), self.lower_half_end),
        }
    }

    /// The half in which `va` lies, or `None` between them: no canonical address.
    pub fn half_of(&self, va: VirtAddr) -> Option<Half> {
        [Half::Lower, Half::Upper].into_iter().find(|half| self.half(*half).is_some_and(|range| range.contains(va)))
    }

    /// First address above what `access_ok` grants to user mode.
    pub fn task_size_max(&self) -> u64 {
        if self.task_size_max == 0 { self.lower_half_end } else { self.task_size_max }
    }
}

/// Bits of a physical address by what `PTE_PA_BITS` says.
fn pa_bits(said: u64) -> Result<u32, GeometryError> {
    let bits = if said == 0 { Geometry::PA_BITS_OF_MOST } else { said };
    match u32::try_from(bits) {
        Ok(bits) if (32..=Geometry::PA_BITS_MAX).contains(&bits) => Ok(bits),
        _ => Err(GeometryError::Value { helper: Helper::PTE_PA_BITS, value: said }),
    }
}

fn count<E: From<GeometryError>>(
    op: Op,
    level: Level,
    ask: &mut impl FnMut(Helper, u64) -> Result<u64, E>,
) -> Result<u32, E> {
    let Some(helper) = Helper::find(level, op) else { return Ok(0) };
    let value = ask(helper, 0)?;
    match u32::try_from(value) {
        Ok(count) if op != Op::Shift || count < 64 => Ok(count),
        _ => Err(GeometryError::Value { helper, value }.into()),
    }
}

/// Why a geometry does not add up. The plugin is at fault, or the configuration is one that it does not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeometryError {
    /// A value is beyond what any table can have.
    Value {
        /// The helper that returned it.
        helper: Helper,
        /// What it returned.
        value: u64,
    },
    /// The number of entries is not a power of two, or absurd.
    Entries {
        /// The level of the table.
        level: Level,
        /// Entries it is said to have.
        entries: u32,
    },
    /// A level of one entry does not span what the level above it spans.
    FoldedShift {
        /// The folded level.
        level: Level,
        /// Its shift.
        shift: u32,
        /// The shift of the level it is folded into.
        above: u32,
    },
    /// A level does not begin where the one below it ends.
    Gap {
        /// The upper level.
        level: Level,
        /// Its shift.
        shift: u32,
        /// The lower level.
        below: Level,
        /// The lower level's shift.
        below_shift: u32,
        /// The lower level's entries.
        below_entries: u32,
    },
    /// A word is tested under no level name or under several: `none(0)` must be 1 under exactly one of the names
    /// folded into it.
    Tested {
        /// The last of the names.
        level: Level,
        /// How many of them test the word.
        times: u32,
    },
    /// The halves of the address space overlap, are not page-aligned, or exceed what the root table covers.
    Halves {
        /// log2 of the bytes that the root table covers.
        root_bits: u64,
        /// `LOWER_HALF_END`.
        lower_end: u64,
        /// `UPPER_HALF_START`.
        upper_start: u64,
    },
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            GeometryError::Value { helper, value } => write!(f, "{helper}() = {value:#x} is out of range"),
            GeometryError::Entries { level, entries } => {
                write!(f, "a {level} table of {entries} entries: not a power of two from 2 to 65536")
            }
            GeometryError::FoldedShift { level, shift, above } => {
                write!(f, "{level} has one entry, so it is folded, but its shift {shift} is not the {above} above it")
            }
            GeometryError::Gap { level, shift, below, below_shift, below_entries } => write!(
                f,
                "a {level} entry spans 2^{shift} bytes, but a {below} table of {below_entries} entries of \
                 2^{below_shift} bytes does not fill it"
            ),
            GeometryError::Tested { level, times } => write!(
                f,
                "the word of the {level} level is tested under {times} level names, not one: {level}_none(0) must \
                 be 1 where the level is real and 0 where it is folded"
            ),
            GeometryError::Halves { root_bits, lower_end, upper_start } => write!(
                f,
                "halves [0, {lower_end:#x}) and from {upper_start:#x} do not fit a root table of 2^{root_bits} bytes"
            ),
        }
    }
}

impl core::error::Error for GeometryError {}
