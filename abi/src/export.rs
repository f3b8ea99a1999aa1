//! Turning an [`Arch`](crate::Arch) into the exports of a plugin.

use crate::helper::helper_list;

/// Makes a crate a plugin: exports the named helpers of an [`Arch`](crate::Arch), the ABI marker and the manifest.
///
/// ```ignore
/// ptwalk_abi::export_arch! {
///     manifest: "../plugin.toml",
///     arch: Arm64,
///     helpers: pte_none pte_present pte_devmap,
/// }
/// ```
///
/// `arch` is a tuple struct over its configuration, `struct Arm64<K>(K)` with `impl<K: Kconfig> Arch for Arm64<K>`; in
/// the plugin `K` reads the kconfig imports. Signatures come from the list of helpers; a name that is not in it, or
/// that `arch` does not implement, does not compile. Natively the macro expands to nothing: two plugins linked into
/// one program would otherwise export the same symbols, and one would silently answer for the other.
#[macro_export]
macro_rules! export_arch {
    (manifest: $manifest:literal, arch: $arch:ident, helpers: $($helper:ident)*,) => {
        #[cfg(target_family = "wasm")]
        #[allow(non_snake_case, missing_docs, unsafe_code)]
        mod wasm_exports {
            use super::$arch;

            $crate::kconfig_imports!();

            #[unsafe(no_mangle)]
            pub extern "C" fn ptwalk_abi_1() {}

            #[unsafe(link_section = "ptwalk.manifest")]
            pub static MANIFEST: [u8; include_bytes!($manifest).len()] = *include_bytes!($manifest);

            $($crate::export_helper!($helper $arch);)*

            #[panic_handler]
            fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
                core::arch::wasm32::unreachable()
            }
        }
    };
}

/// Makes the methods of [`Arch`](crate::Arch), the list `IMPLEMENTED` and the exports of a plugin from one table of what
/// it implements: signature, helper, names of `self` and the arguments, and the value.
///
/// ```ignore
/// ptwalk_abi::plugin! {
///     manifest: "../plugin.toml",
///     arch: Arm64,
///     predicate pte_none |cpu, x| cpu.none(Level::Pte, x);
///     access pte_access_permitted |cpu, x, write| cpu.access_permitted(x, write);
///     count SHARED_ROOT |_| 0;
/// }
/// ```
#[macro_export]
macro_rules! plugin {
    (manifest: $manifest:literal, arch: $arch:ident,
     $($sig:ident $name:ident |$cpu:pat_param $(, $arg:ident)*| $value:expr;)*) => {
        #[allow(non_snake_case, reason = "the kernel's names")]
        impl<K: $crate::Kconfig> $crate::Arch for $arch<K> {
            $($crate::plugin!(@method $sig $name |$cpu $(, $arg)*| $value);)*
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

macro_rules! define_export_helper {
    ($d:tt $($sig:ident $name:ident $level:ident $op:ident = $stub:ident;)*) => {
        #[doc(hidden)]
        #[macro_export]
        macro_rules! export_helper {
            $(($name $d arch:ident) => { $crate::export_signature!($sig $name $d arch); };)*
        }
    };
}
helper_list!(define_export_helper $);

#[doc(hidden)]
#[macro_export]
macro_rules! export_signature {
    (predicate $name:ident $arch:ident) => { $crate::export_signature!(@ $name $arch (x: u64) (x) -> i32); };
    (compare $name:ident $arch:ident) => { $crate::export_signature!(@ $name $arch (x: u64, y: u64) (x, y) -> i32); };
    (perms $name:ident $arch:ident) => { $crate::export_signature!(@ $name $arch (x: u64) (x) -> u32); };
    (reader $name:ident $arch:ident) => { $crate::export_signature!(@ $name $arch (x: u64) (x) -> u64); };
    (maker $name:ident $arch:ident) => { $crate::export_signature!(@ $name $arch (x: u64) (x) -> u64); };
    (combine $name:ident $arch:ident) => { $crate::export_signature!(@ $name $arch (x: u64, y: u64) (x, y) -> u64); };
    (count $name:ident $arch:ident) => { $crate::export_signature!(@ $name $arch () () -> u32); };
    (address $name:ident $arch:ident) => { $crate::export_signature!(@ $name $arch () () -> u64); };
    (access $name:ident $arch:ident) => {
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(x: u64, write: i32) -> i32 {
            $crate::Arch::$name(&$arch(Imported), x, write != 0).into()
        }
    };
    (@ $name:ident $arch:ident ($($arg:ident: $ty:ty),*) ($($pass:ident),*) -> $ret:ty) => {
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($arg: $ty),*) -> $ret {
            $crate::Arch::$name(&$arch(Imported), $($pass),*).into()
        }
    };
}
