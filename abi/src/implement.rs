//! An architecture's helpers from one table.

/// Makes an architecture of a table, one helper a line: signature, name, names of `self` and the arguments, value.
///
/// ```ignore
/// ptwalk_abi::implement_arch! {
///     manifest: "../plugin.toml",
///     arch: Arm64,
///     predicate pte_none |cpu, x| cpu.none(Level::Pte, x);
///     entry pte_mkyoung |_, x| x | AF;
/// }
/// ```
///
/// Implements [`Arch`](crate::Arch) for the tuple struct `arch`, defines `IMPLEMENTED`, the list of what is in the
/// table, and exports the same by [`export_arch!`](crate::export_arch). A signature is that of the list of helpers;
/// `entry` stands for all that yield 64 bits. A helper that is not in the table is the generic stub.
#[macro_export]
macro_rules! implement_arch {
    (manifest: $manifest:literal, arch: $arch:ident,
     $($sig:ident $name:ident |$cpu:pat_param $(, $arg:ident)*| $value:expr;)*) => {
        #[allow(non_snake_case, reason = "the kernel's names")]
        impl<K: $crate::Kconfig> $crate::Arch for $arch<K> {
            $($crate::implement_arch!(@method $sig $name |$cpu $(, $arg)*| $value);)*
        }

        /// What the plugin implements and, built for WASM, exports.
        pub const IMPLEMENTED: &[$crate::Helper] = &[$($crate::Helper::$name),*];

        $crate::export_arch! {
            manifest: $manifest,
            arch: $arch,
            helpers: $($name)*,
        }
    };
    (@method predicate $name:ident |$cpu:pat_param, $x:ident| $value:expr) => {
        #[inline(always)]
        fn $name(&self, $x: u64) -> bool { let $cpu = self; $value }
    };
    (@method access $name:ident |$cpu:pat_param, $x:ident, $write:ident| $value:expr) => {
        #[inline(always)]
        fn $name(&self, $x: u64, $write: bool) -> bool { let $cpu = self; $value }
    };
    (@method compare $name:ident |$cpu:pat_param, $x:ident, $y:ident| $value:expr) => {
        #[inline(always)]
        fn $name(&self, $x: u64, $y: u64) -> bool { let $cpu = self; $value }
    };
    (@method perms $name:ident |$cpu:pat_param, $x:ident| $value:expr) => {
        #[inline(always)]
        fn $name(&self, $x: u64) -> u32 { let $cpu = self; $value }
    };
    (@method entry $name:ident |$cpu:pat_param $(, $x:ident)+| $value:expr) => {
        #[inline(always)]
        fn $name(&self, $($x: u64),+) -> u64 { let $cpu = self; $value }
    };
    (@method count $name:ident |$cpu:pat_param| $value:expr) => {
        #[inline(always)]
        fn $name(&self) -> u32 { let $cpu = self; $value }
    };
    (@method address $name:ident |$cpu:pat_param| $value:expr) => {
        #[inline(always)]
        fn $name(&self) -> u64 { let $cpu = self; $value }
    };
}
