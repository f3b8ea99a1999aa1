//! How two cells differ.

use super::cell::{Cell, Leaf};
use crate::walk::ProblemKind;

macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One way in which two sides differ.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Change {
            $($(#[$doc])* $name,)*
        }

        impl Change {
            /// All of them, gravest first.
            pub const ALL: &[Change] = &[$(Change::$name),*];

            /// The name in the JSON interface.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Change::$name => $text,)*
                }
            }
        }
    };
}

changes! {
    /// Mapped now, and was not.
    Mapped = "mapped",
    /// Was mapped, and is not.
    Unmapped = "unmapped",
    /// Nothing is mapped on either side, but an entry that is not present says something else: swapped out, swapped in
    /// elsewhere, gone.
    NotPresent = "not_present",
    /// The walk could not go on here on one side, or for another reason.
    Unseen = "unseen",
    /// Mapped at another level, or by leaves of another size.
    Level = "level",
    /// Mapped to another frame.
    Frame = "frame",
    /// Device memory now (`pXd_devmap`), and was not, or was not mapped.
    NewlyDevmap = "newly_devmap",
    /// Device memory no more.
    NoLongerDevmap = "no_longer_devmap",
    /// Without a `struct page` now (`pXd_special`).
    NewlySpecial = "newly_special",
    /// With a `struct page` again.
    NoLongerSpecial = "no_longer_special",
    /// Other permissions, by the entry or through the levels, or another PROT_NONE.
    Permissions = "permissions",
    /// Young, dirty or contiguous where it was not, or the reverse.
    Attributes = "attributes",
    /// Other bits of the entry, of which the plugins tell nothing.
    OtherBits = "other_bits",
}

/// A set of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Changes(u16);

impl Changes {
    /// How `b` differs from `a`; `None` is a side on which nothing is mapped.
    pub fn between(a: Option<Cell>, b: Option<Cell>) -> Changes {
        let (leaf_a, leaf_b) = (a.and_then(Cell::leaf), b.and_then(Cell::leaf));
        let states = match (leaf_a, leaf_b) {
            (Some(a), Some(b)) => return Changes::of_leaves(&a, &b),
            _ if unseen(a) != unseen(b) => return Changes::default().with(Change::Unseen, true),
            (None, Some(_)) => Changes::default().with(Change::Mapped, true),
            (Some(_), None) => Changes::default().with(Change::Unmapped, true),
            (None, None) => Changes::default().with(Change::NotPresent, not_present(a) != not_present(b)),
        };
        states.kinds(leaf_a, leaf_b)
    }

    fn of_leaves(a: &Leaf, b: &Leaf) -> Changes {
        let permissions = |leaf: &Leaf| {
            let attrs = leaf.attrs;
            (attrs.write, attrs.user, attrs.exec, attrs.protnone, leaf.effective)
        };
        let attributes = |leaf: &Leaf| (leaf.attrs.young, leaf.attrs.dirty, leaf.attrs.cont);
        let told = Changes::default()
            .with(Change::Level, (a.level, a.leaf_bytes) != (b.level, b.leaf_bytes))
            .with(Change::Frame, a.pa != b.pa)
            .kinds(Some(*a), Some(*b))
            .with(Change::Permissions, permissions(a) != permissions(b))
            .with(Change::Attributes, attributes(a) != attributes(b));
        // Another frame or attribute is other bits: only what nothing else explains counts as such.
        told.with(Change::OtherBits, told.is_empty() && a.raw != b.raw)
    }

    /// The set with what kind of memory it is now and was before; what is not mapped is of no kind.
    fn kinds(self, a: Option<Leaf>, b: Option<Leaf>) -> Changes {
        let devmap = [a, b].map(|leaf| leaf.is_some_and(|leaf| leaf.attrs.devmap));
        let special = [a, b].map(|leaf| leaf.is_some_and(|leaf| leaf.attrs.special));
        self.with(Change::NewlyDevmap, devmap == [false, true])
            .with(Change::NoLongerDevmap, devmap == [true, false])
            .with(Change::NewlySpecial, special == [false, true])
            .with(Change::NoLongerSpecial, special == [true, false])
    }

    /// The set with `change`, if it `holds`.
    fn with(self, change: Change, holds: bool) -> Changes {
        if holds { Changes(self.0 | 1 << change as u16) } else { self }
    }

    /// Whether nothing changed.
    pub fn is_empty(self) -> bool {
        self == Changes::default()
    }

    /// Whether `change` is among them.
    pub fn has(self, change: Change) -> bool {
        self.0 & 1 << change as u16 != 0
    }

    /// The changes, gravest first.
    pub fn iter(self) -> impl Iterator<Item = Change> {
        Change::ALL.iter().copied().filter(move |change| self.has(*change))
    }
}

fn unseen(cell: Option<Cell>) -> Option<ProblemKind> {
    if let Some(Cell::Problem { kind, .. }) = cell { Some(kind) } else { None }
}

fn not_present(cell: Option<Cell>) -> Option<u64> {
    if let Some(Cell::NotPresent { raw, .. }) = cell { Some(raw) } else { None }
}
