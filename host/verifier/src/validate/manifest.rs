//! The manifest: what a plugin says about itself.
//!
//! In: the contents of the custom section `ptwalk.manifest`, TOML with the keys of [`MANIFEST_KEYS`]. Out: a
//! [`Manifest`] whose values are fit to print, and warnings. Guaranteed: nothing in it changes a verdict, whatever it
//! holds. Not handled: whether it is true.
//!
//! [`MANIFEST_KEYS`]: ptwalk_abi::MANIFEST_KEYS

use ptwalk_abi::MANIFEST_KEYS;
use serde::Serialize;
use toml::{Table, Value};

use crate::limits::{MANIFEST_BYTES_MAX, MANIFEST_VALUE_CHARS_MAX};
use crate::report::Warning;
use crate::text;

/// What a plugin says about itself. Every value is optional, escaped, cut, and not to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// Name of the plugin.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// The architecture.
    pub arch: Option<String>,
    /// Kernel versions it is meant for.
    pub kernel: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
}

impl Manifest {
    fn slot(&mut self, key: &str) -> Option<&mut Option<String>> {
        match key {
            "name" => Some(&mut self.name),
            "version" => Some(&mut self.version),
            "author" => Some(&mut self.author),
            "arch" => Some(&mut self.arch),
            "kernel" => Some(&mut self.kernel),
            "source" => Some(&mut self.source),
            _ => None,
        }
    }

    /// Reads a manifest. What cannot be read is left out, with a warning each.
    pub(super) fn read(section: &[u8], warnings: &mut Vec<Warning>) -> Manifest {
        let mut manifest = Manifest::default();
        let table = match parse(section) {
            Ok(table) => table,
            Err(message) => {
                warnings.push(Warning::new(format!("manifest is not read: {message}")));
                return manifest;
            }
        };
        for (key, value) in table {
            match (manifest.slot(&key), value) {
                (Some(slot), Value::String(value)) => *slot = Some(text::printable(&value, MANIFEST_VALUE_CHARS_MAX)),
                (Some(_), value) => {
                    let message = format!("manifest key `{key}` is not a string but {}", value.type_str());
                    warnings.push(Warning::new(message));
                }
                (None, _) => {
                    let known = MANIFEST_KEYS.join(", ");
                    let message = format!("manifest key `{}` is unknown; known are {known}", text::name(&key));
                    warnings.push(Warning::new(message));
                }
            }
        }
        manifest
    }
}

fn parse(section: &[u8]) -> Result<Table, String> {
    if section.len() > MANIFEST_BYTES_MAX {
        return Err(format!("{} bytes, the ceiling is {MANIFEST_BYTES_MAX}", section.len()));
    }
    let text = std::str::from_utf8(section).map_err(|error| error.to_string())?;
    // C string literals end in a zero byte, and linkers pad with them.
    text.trim_end_matches('\0').parse().map_err(|error: toml::de::Error| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> (Manifest, Vec<String>) {
        let mut warnings = Vec::new();
        let manifest = Manifest::read(text, &mut warnings);
        (manifest, warnings.iter().map(Warning::to_string).collect())
    }

    #[test]
    fn every_key_of_the_contract_has_a_place() {
        for key in MANIFEST_KEYS {
            assert!(Manifest::default().slot(key).is_some(), "{key}");
        }
        let all = serde_json::to_value(Manifest::default()).expect("a manifest is plain data");
        assert_eq!(all.as_object().map(serde_json::Map::len), Some(MANIFEST_KEYS.len()));
    }

    #[test]
    fn reads_strings_and_warns_of_the_rest() {
        let (manifest, warnings) = read(b"name = 'arm64'\nversion = 3\nhome = 'x'\0\0");
        assert_eq!(manifest.name.as_deref(), Some("arm64"));
        assert_eq!(manifest.version, None);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }

    #[test]
    fn hostile_manifests_only_warn() {
        let deep = "a = ".to_owned() + &"[".repeat(3000);
        let tables = "[a]\n".repeat(1000);
        let escape = "name = \"\\u001b[31m\\u202e\"";
        for text in [b"\xff\xfe".as_slice(), b"name = ", b"name = 'a'\nname = 'b'", deep.as_bytes(), tables.as_bytes()]
        {
            let (manifest, warnings) = read(text);
            assert_eq!(manifest, Manifest::default());
            assert_eq!(warnings.len(), 1, "{warnings:?}");
        }
        assert_eq!(read(escape.as_bytes()).0.name.as_deref(), Some("\\u{1b}[31m\\u{202e}"));
    }

    #[test]
    fn size_is_bounded_at_both_ends() {
        let fits = format!("name = 'n'\n#{}", " ".repeat(MANIFEST_BYTES_MAX - 12));
        assert_eq!(fits.len(), MANIFEST_BYTES_MAX);
        assert_eq!(read(fits.as_bytes()).1, Vec::<String>::new());
        assert_eq!(read(format!("{fits} ").as_bytes()).1.len(), 1);
        let long = format!("name = '{}'", "n".repeat(MANIFEST_VALUE_CHARS_MAX + 1));
        let shown = read(long.as_bytes()).0.name.expect("the name is a string");
        assert_eq!(shown.chars().count(), MANIFEST_VALUE_CHARS_MAX);
    }
}
