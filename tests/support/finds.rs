//! What fuzzing found once: the files of `tests/regress/`.

use std::path::Path;

use ptwalk::fuzz::{Entry, Failure, property};

/// A find, made small.
pub struct Find {
    pub name: String,
    /// What found it.
    pub entry: &'static Entry,
    pub input: Vec<u8>,
    /// How it came about: of a `.wat` its own text, of anything else the file of that name that ends in `.md`.
    pub story: String,
}

/// Every find.
pub fn finds() -> Result<Vec<Find>, Failure> {
    let mut finds = Vec::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/regress"))? {
        let file = file?.path();
        let name = file.file_name().and_then(|name| name.to_str()).ok_or("a name")?.to_owned();
        if name.ends_with(".md") {
            continue;
        }
        let entry = name.split('-').next().and_then(property).ok_or_else(|| format!("{name}: no such property"))?;
        let is_text = name.ends_with(".wat");
        let input = if is_text { wat::parse_file(&file)? } else { std::fs::read(&file)? };
        let story = if is_text { file } else { file.with_extension("md") };
        let story = std::fs::read_to_string(story).map_err(|error| format!("{name} has no story: {error}"))?;
        finds.push(Find { name, entry, input, story });
    }
    if finds.is_empty() { Err("tests/regress is empty".into()) } else { Ok(finds) }
}
