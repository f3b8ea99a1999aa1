//! Plugins that the user has put where ptwalk finds them by name.
//!
//! In: a folder, by default the user's own. Out: the files in it that may be plugins, and the one of a name. Not handled:
//! what is in them; a plugin that is found is validated and proved as any other.

use std::io;
use std::path::{Path, PathBuf};

use crate::xdg;

/// What a plugin's file ends in, in the order in which one of a name is looked for.
const EXTENSIONS: [&str; 2] = ["wasm", "wat"];

/// Files of a folder that are looked at: more than anybody installs.
const FILES_MAX: usize = 1024;

/// The user's folder: below `$XDG_DATA_HOME`, or `~/.local/share`; `None` where neither is known.
pub fn folder() -> Option<PathBuf> {
    xdg::data_home().map(|home| home.join("ptwalk/plugins"))
}

/// The installed plugin of a name, which is a word and not a path.
pub fn find(name: &str) -> Option<PathBuf> {
    if !is_word(name) {
        return None;
    }
    let folder = folder()?;
    EXTENSIONS.iter().map(|extension| folder.join(format!("{name}.{extension}"))).find(|path| path.is_file())
}

/// The files of a folder that may be plugins, by name. A folder that is not there has none.
///
/// # Errors
/// What the system said of a folder that is there.
pub fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries.take(FILES_MAX) {
        let path = entry?.path();
        let ends_right = path.extension().is_some_and(|found| EXTENSIONS.iter().any(|extension| found == *extension));
        if ends_right {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '.'])
}
