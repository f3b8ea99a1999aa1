//! What must be proved impossible before a closed form may stand for the code.

use std::fmt;

use super::finding::Place;
use crate::expr::ExprId;

macro_rules! hazards {
    ($($(#[doc = $doc:literal])* $name:ident $code:literal $text:literal,)*) => {
        /// Something that an execution must not do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Hazard { $($(#[doc = $doc])* $name,)* }

        impl Hazard {
            /// Every hazard.
            pub const ALL: &'static [Hazard] = &[$(Hazard::$name),*];

            /// The code under which it is explained.
            pub const fn code(self) -> &'static str {
                match self { $(Hazard::$name => $code,)* }
            }

            /// What happens, in a few words.
            pub const fn text(self) -> &'static str {
                match self { $(Hazard::$name => $text,)* }
            }
        }
    };
}

hazards! {
    /// A division or remainder by 0 traps.
    DivideByZero "X401" "division by zero",
    /// The least number divided by -1 traps.
    DivideOverflow "X402" "signed division overflows",
    /// `unreachable` traps.
    Unreachable "X403" "unreachable is reached",
    /// The stack pointer leaves the stack.
    StackPointerRange "K304" "the stack pointer leaves the stack",
    /// The stack pointer is not what it was when the export was called.
    StackPointerLost "K305" "the stack pointer is not restored",
    /// An access at a constant address outside the memory traps.
    OutOfBounds "M501" "access outside the memory",
    /// An access at a computed address outside the memory traps.
    AddressOutOfBounds "M502" "computed address outside the memory",
    /// A load runs off the data that it begins in.
    BeyondData "M503" "load beyond the end of the data",
    /// A load at a computed address may hit the stack.
    AddressInStack "M504" "computed address of a load inside the stack",
    /// Read-only data is written.
    StoreToData "M510" "store into a data segment",
    /// A store at a computed address.
    AddressOfStore "M511" "store at a computed address",
    /// The size of a memory that may grow is read.
    MemorySize "P602" "memory.size of a memory that may grow",
    /// A global has another value after the call.
    GlobalChanged "P610" "a global keeps a value beyond the call",
    /// Memory outside the stack is written.
    MemoryKept "P611" "store outside the stack keeps a value beyond the call",
    /// Stack is read that this call has not written.
    Uninitialised "P620" "load of stack that this call has not written",
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// A hazard at one place: `when` is true of exactly the inputs for which it happens there, so it must be false of all.
///
/// After the first hazard of an execution, what the closed form says about later ones need not be true of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obligation {
    /// What must not happen.
    pub hazard: Hazard,
    /// Where.
    pub place: Place,
    /// For which inputs it would, over all visits of the place.
    pub when: ExprId,
}
