//! The builder of ELF cores that the image readers are tested with.

pub use ptwalk::image::ByteOrder;
pub use ptwalk::image::builder::CoreBuilder;
