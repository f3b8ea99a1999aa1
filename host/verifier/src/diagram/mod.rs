//! The picture of an entry, derived from closed forms.
//!
//! In: the closed forms of one level's helpers. Out: an [`EntryLayout`]: what each of the 64 bits is to the helpers, and
//! what each helper reads, sets and clears; as data, as text for a terminal, and as SVG. Guaranteed: the fields cover bits
//! 0 to 63 exactly once, ascending; a bit that is named as *being* a predicate, or as a bit of a frame number, is so for
//! every entry. Nothing here knows an architecture: a bit is called what the helpers that read it are called. Not handled:
//! bits that no helper touches, which are shown as unused although hardware or kernel may use them.

mod bits;
mod build;
mod draw;
mod notes;
mod svg;

use ptwalk_abi::{Helper, Level};
use serde::{Serialize, Serializer};

pub use bits::Bits;
pub use draw::Style;

/// What the helpers of one level make of the 64 bits of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryLayout {
    /// The level.
    #[serde(serialize_with = "level_name")]
    pub level: Level,
    /// The fields, from bit 0 upwards: every bit is in one, and neighbours differ.
    pub fields: Vec<Field>,
    /// What each helper that takes an entry does with it, in the order of the contract.
    pub helpers: Vec<HelperBits>,
}

/// Adjacent bits that mean the same to every helper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Highest bit.
    pub high: u8,
    /// Lowest bit.
    pub low: u8,
    /// What the bits are called; see [`Role`] for which helper gives its name. Empty where `kind` is unused.
    pub names: Vec<Name>,
    /// What the bits are.
    pub kind: Kind,
}

/// What the bits of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A predicate by itself.
    Bit,
    /// Part of the frame number or address, and nothing else.
    Frame,
    /// Read only together with other bits, or only written, or read as frame and as something else.
    Shared,
    /// No helper tells the bits apart from others.
    Unused,
}

/// What a helper calls a bit, without the prefix of its level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Name {
    /// The helper.
    #[serde(serialize_with = "helper_name")]
    pub helper: Helper,
    /// What the bit is to it.
    pub role: Role,
}

/// What a bit is to a helper. The first kinds that there are give a bit its names: a predicate or a frame, else what
/// reads it, else what writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The predicate is the bit.
    Is,
    /// The predicate is the complement of the bit.
    IsNot,
    /// The field is the result's bits from this one upwards, perhaps masked or complemented under a condition.
    Frame {
        /// Bit of the result that the field's lowest bit is.
        result_low: u8,
        /// Whether the reader puts its number together from fields that lie differently in the entry.
        split: bool,
    },
    /// The result depends on the bit and on others.
    Reads,
    /// A maker sets, clears or changes the bit.
    Writes,
}

/// What one helper does with the bits of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HelperBits {
    /// The helper.
    #[serde(serialize_with = "helper_name")]
    pub helper: Helper,
    /// The closed form, `x` being the entry; `None` where it has too many nodes for a legend.
    pub form: Option<String>,
    /// Bits on which the result can depend; of a maker, those on which the bits it changes can.
    pub reads: Bits,
    /// Bits that are one in every result of a maker.
    pub sets: Bits,
    /// Bits that are zero in every result of a maker.
    pub clears: Bits,
    /// Other bits that a maker does not pass on as they are.
    pub changes: Bits,
}

/// Dependence on more bits than this is about the entry as a whole (`x == 0`) and gives no bit a name.
const BITS_NAMED_MAX: u32 = 32;

impl HelperBits {
    /// Whether the result depends on the entry as a whole rather than on a few bits.
    pub const fn reads_word(&self) -> bool {
        self.reads.0.count_ones() > BITS_NAMED_MAX
    }
}

impl Field {
    /// Number of bits.
    pub const fn bits(&self) -> u8 {
        self.high - self.low + 1
    }

    /// The part of the field within bits `high` to `low`; `None` where it has none there.
    fn within(&self, high: u8, low: u8) -> Option<Field> {
        let (high, low) = (high.min(self.high), low.max(self.low));
        let skipped = low - self.low;
        let part = |name: &Name| match name.role {
            Role::Frame { result_low, split } => {
                Name { role: Role::Frame { result_low: result_low + skipped, split }, ..name.clone() }
            }
            _ => name.clone(),
        };
        (low <= high).then(|| Field { high, low, names: self.names.iter().map(part).collect(), kind: self.kind })
    }
}

/// Name of a helper without the prefix of its level.
fn short_name(helper: Helper) -> &'static str {
    let name = helper.name();
    name.strip_prefix(helper.level().name()).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name)
}

impl Name {
    /// The name as it is shown on a field of `bits` bits: `devmap`, `~user_exec` where negated, `pfn[35:32]` for a part
    /// of a number, `dirty*` where other bits count as well, `+mkdirty` where the bit is only written.
    fn label(&self, bits: u8) -> String {
        let name = short_name(self.helper);
        match self.role {
            Role::Is | Role::Frame { split: false, .. } => name.to_owned(),
            Role::IsNot => format!("~{name}"),
            Role::Frame { result_low, split: true } if bits == 1 => format!("{name}[{result_low}]"),
            Role::Frame { result_low, split: true } => format!("{name}[{}:{result_low}]", result_low + (bits - 1)),
            Role::Reads => format!("{name}*"),
            Role::Writes => format!("+{name}"),
        }
    }
}

impl Field {
    /// The names as they are shown.
    pub fn labels(&self) -> Vec<String> {
        self.names.iter().map(|name| name.label(self.bits())).collect()
    }
}

fn level_name<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.name())
}

fn helper_name<S: Serializer>(helper: &Helper, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(helper.name())
}

#[cfg(test)]
mod tests;
