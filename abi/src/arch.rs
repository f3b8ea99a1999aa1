//! An architecture as a Rust trait: one method a helper, the defaults being the generic stubs.

use crate::Helper;
use crate::helper::helper_list;

macro_rules! define_arch {
    ($($sig:ident $name:ident $level:ident $op:ident = $stub:ident;)*) => {
        /// The helpers of an architecture under one configuration.
        ///
        /// Plugins written in Rust implement this and name what they implement to [`export_arch!`](crate::export_arch).
        /// A method that is not implemented is the generic stub of its [`Helper`]; one whose stub is
        /// [`Stub::Undefined`](crate::Stub) answers 0. Every method must be a pure function of its arguments and of
        /// the configuration.
        #[allow(non_snake_case, missing_docs, unused_variables)]
        pub trait Arch {
            $(define_arch!(@method $sig $name $stub);)*

            /// Calls a helper by its id, as the sandbox would: arguments beyond its own are ignored, truth values
            /// are 0 or 1.
            fn call(&self, helper: Helper, args: [u64; 2]) -> u64 {
                match helper {
                    $(Helper::$name => define_arch!(@call $sig $name self args),)*
                }
            }
        }
    };

    (@method predicate $name:ident $stub:ident) => { define_arch!(@fn $name(x: u64) -> bool, $stub x x); };
    (@method access $name:ident $stub:ident) => {
        fn $name(&self, x: u64, write: bool) -> bool {
            let level = Helper::$name.level();
            let ask = |op| Helper::find(level, op).is_some_and(|helper| self.call(helper, [x, 0]) != 0);
            ask(crate::Op::Present) && (!write || ask(crate::Op::Write))
        }
    };
    (@method compare $name:ident $stub:ident) => { define_arch!(@fn $name(x: u64, y: u64) -> bool, $stub x y); };
    (@method perms $name:ident $stub:ident) => { define_arch!(@fn $name(x: u64) -> u32, $stub x x); };
    (@method reader $name:ident $stub:ident) => { define_arch!(@fn $name(x: u64) -> u64, $stub x x); };
    (@method maker $name:ident $stub:ident) => { define_arch!(@fn $name(x: u64) -> u64, $stub x x); };
    (@method combine $name:ident $stub:ident) => { define_arch!(@fn $name(x: u64, y: u64) -> u64, $stub x y); };
    (@method count $name:ident $stub:ident) => { define_arch!(@fn $name() -> u32, $stub 0u64 0u64); };
    (@method address $name:ident $stub:ident) => { define_arch!(@fn $name() -> u64, $stub 0u64 0u64); };

    (@fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:tt, Required $($rest:tt)*) => {
        fn $name(&self, $($arg: $ty),*) -> $ret;
    };
    (@fn $name:ident($($arg:ident: $ty:ty),*) -> bool, Equal $x:ident $y:ident) => {
        #[inline(always)]
        fn $name(&self, $($arg: $ty),*) -> bool { $x == $y }
    };
    (@fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty, Identity $x:ident $y:ident) => {
        #[inline(always)]
        fn $name(&self, $($arg: $ty),*) -> $ret { $x }
    };
    (@fn $name:ident($($arg:ident: $ty:ty),*) -> bool, One $($rest:tt)*) => {
        #[inline(always)]
        fn $name(&self, $($arg: $ty),*) -> bool { true }
    };
    (@fn $name:ident($($arg:ident: $ty:ty),*) -> bool, $zero:ident $($rest:tt)*) => {
        #[inline(always)]
        fn $name(&self, $($arg: $ty),*) -> bool { false }
    };
    (@fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty, One $($rest:tt)*) => {
        #[inline(always)]
        fn $name(&self, $($arg: $ty),*) -> $ret { 1 }
    };
    (@fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty, $zero:ident $($rest:tt)*) => {
        #[inline(always)]
        fn $name(&self, $($arg: $ty),*) -> $ret { 0 }
    };

    (@call access $name:ident $s:ident $a:ident) => { u64::from($s.$name($a[0], $a[1] != 0)) };
    (@call compare $name:ident $s:ident $a:ident) => { u64::from($s.$name($a[0], $a[1])) };
    (@call combine $name:ident $s:ident $a:ident) => { $s.$name($a[0], $a[1]) };
    (@call predicate $name:ident $s:ident $a:ident) => { u64::from($s.$name($a[0])) };
    (@call perms $name:ident $s:ident $a:ident) => { u64::from($s.$name($a[0])) };
    (@call reader $name:ident $s:ident $a:ident) => { $s.$name($a[0]) };
    (@call maker $name:ident $s:ident $a:ident) => { $s.$name($a[0]) };
    (@call count $name:ident $s:ident $a:ident) => { u64::from($s.$name()) };
    (@call address $name:ident $s:ident $a:ident) => { $s.$name() };
}
helper_list!(define_arch);
