//! Walking tables: the one descent, and what a forensic walk makes of it.
//!
//! In: an [`Image`](crate::image::Image), a [`Geometry`](ptwalk_abi::Geometry), a [`Root`] and an
//! [`Engine`](crate::engine::Engine) built with the queries of [`Queries::walk`](crate::engine::Queries::walk).
//! Out: events in ascending order of address ([`map`]), of which the commands make tables, counts and trails. Every
//! decision about what an entry means is the plugin's.

pub mod census;
pub mod descent;
pub mod event;
pub mod filter;
pub mod map;
pub mod merge;
pub mod rmap;
pub mod split;
pub mod translate;

pub use descent::{
    Batch, Directory, Flow, Passed, Progress, Root, Subtree, Table, TableSet, Visitor, WalkError, descend,
};
pub use event::{Attrs, Effective, Event, Incomplete, Mapping, Problem, ProblemKind};
pub use filter::Filter;
pub use map::{Leaves, MapSink, walk_into, walk_map};
pub use split::walk_split;
pub use translate::{End, Space, TranslateError, Translation};
