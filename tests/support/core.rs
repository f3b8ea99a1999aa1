//! The builder of ELF cores that the image readers are tested with.

pub use ptwalk::image::ByteOrder;

#[path = "../../host/src/image/builder.rs"]
mod builder;

pub(crate) use builder::CoreBuilder;
