//! What an auditor looks for in tables: memory that may be written and executed, kernel pages that user mode may execute,
//! frames mapped in ways that differ, contiguous runs that are none, and entries of another kernel version.
//!
//! In: tables and engines. Out: [`Finding`]s as a walk meets them ([`leaves`]), aliases when it is done ([`aliases`]), a
//! [`Doubt`](epoch::Doubt) where entries are of another version ([`epoch`]). Guaranteed: memory is bounded whatever the
//! image holds; each part of a walk and each table of frames has a ceiling of its own, stated where it is. Not handled:
//! what the MMU permits by registers (WXN, SMEP, PAN), memory types, and frames that different roots share: user memory
//! is in the kernel's linear map too.

pub mod aliases;
pub mod cont;
pub mod epoch;
pub mod leaves;

pub use aliases::{Access, Alias, Window};
pub use cont::{BrokenRun, Fault, RunEntries};
pub use leaves::{Auditing, Finding, Kind, Region, Scope};
