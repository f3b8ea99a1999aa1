//! The contract between ptwalk and its plugins, written once.
//!
//! In: nothing. Out: the list of helpers a plugin may export ([`Helper`]), the configuration it may import
//! ([`Extern`]), the levels, addresses and geometry both sides speak of, and [`export_arch!`], which turns a Rust
//! implementation of [`Arch`] into a plugin's exports. The host, the plugins, the documentation and the tests are
//! generated from or checked against this crate, so that no helper name or signature has a second home.
//!
//! Guaranteed: no allocation, no `unsafe`, no dependency. Not handled here: any meaning of an entry's bits, which is
//! the plugins' business alone.
//!
//! Levels, helper names and the meaning of each helper are Linux's: `include/linux/pgtable.h` (`asm-generic/pgtable.h`
//! as of v5.3) and `Documentation/mm/arch_pgtable_helpers.rst`.
#![no_std]
#![forbid(unsafe_code)]

mod addr;
mod arch;
mod export;
mod geometry;
mod helper;
mod kconfig;
mod laws;
mod level;
mod perms;
mod pfn_t;

pub use addr::{Pfn, PhysAddr, VirtAddr, all, any, bits};
pub use arch::Arch;

pub use geometry::{Geometry, GeometryError, Half, Slot, VaRange};
pub use helper::{Helper, Op, Signature, Stub, ValType};
pub use kconfig::{Config, Extern, KVersion, Kconfig};
pub use laws::{LAWS, Law};
pub use level::Level;
pub use perms::MmuPerms;
pub use pfn_t::PfnT;

/// Version of this contract. A plugin states it by exporting a function of the name [`ABI_MARKER`].
pub const ABI_VERSION: u32 = 1;

/// Name of the export, of type `() -> ()`, by which a plugin says for which version of the contract it was built.
/// The version is in the name, so that it can be read without running anything.
pub const ABI_MARKER: &str = "ptwalk_abi_1";

/// What every ABI marker starts with, whatever its version.
pub const ABI_MARKER_PREFIX: &str = "ptwalk_abi_";

/// Module name from which a plugin imports its configuration; see [`Extern`].
pub const KCONFIG_MODULE: &str = "kconfig";

/// Name of the custom section that holds the manifest: TOML with the keys of [`MANIFEST_KEYS`].
pub const MANIFEST_SECTION: &str = "ptwalk.manifest";

/// Keys of a manifest. All are optional strings, shown to people and never trusted.
pub const MANIFEST_KEYS: [&str; 6] = ["name", "version", "author", "arch", "kernel", "source"];
