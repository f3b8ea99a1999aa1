//! `ptwalk plugin list`: the plugins that are found by name, and what the verifier says of each.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use ptwalk::plugin::{self, LoadError, describe, installed};
use ptwalk_abi::Config;
use ptwalk_verifier::validate::{Manifest, ValidPlugin};
use ptwalk_verifier::verify::{LawSet, Verdict, verify};
use serde_json::{Value, json};

use super::args::{Format, PluginListArgs};
use super::exit::Answer;
use super::output::{csv_field, document, notice, print_json, stdout};

/// A plugin of the list.
struct Listed {
    /// The name that finds it.
    name: String,
    /// Its file; `None` where it is embedded.
    path: Option<String>,
    /// Another plugin of that name is found first.
    shadowed: bool,
    verdict: Verdict,
    /// Why it is not verified.
    reasons: Vec<String>,
    /// What it says of itself, where it is a plugin at all.
    about: Option<About>,
}

struct About {
    manifest: Manifest,
    sha256: String,
    abi: u32,
}

pub fn run(args: &PluginListArgs) -> Result<Answer> {
    let config = args.config.apply(Config::DEFAULT);
    let laws = plugin::host_laws()?;
    let mut listed = Vec::new();
    for embedded in plugin::EMBEDDED {
        listed.push(Listed::new(embedded.name, None, embedded.name, &config, laws));
    }
    if let Some(folder) = args.dir.clone().or_else(installed::folder) {
        notice(&args.output, &format!("installed plugins: {}", folder.display()));
        let paths = installed::list(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for path in paths {
            let file = path.display().to_string();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut plugin = Listed::new(&name, Some(file.clone()), &file, &config, laws);
            plugin.shadowed = listed.iter().any(|known| known.name == name);
            listed.push(plugin);
        }
    }
    print(args, &config, &listed)?;
    Ok(Answer::Yes)
}

impl Listed {
    fn new(name: &str, path: Option<String>, spec: &str, config: &Config, laws: &LawSet) -> Listed {
        let (verdict, reasons, about) = match plugin::load(spec) {
            Ok(plugin) => {
                let report = verify(&plugin, config, laws).report();
                let reasons = report.errors.iter().map(|error| first_line(&error.to_string())).collect();
                (report.verdict, reasons, Some(About::of(&plugin)))
            }
            Err(LoadError::Rejected { rejection, .. }) => {
                let reasons = rejection.errors().iter().map(|error| first_line(&error.to_string())).collect();
                (Verdict::Malformed, reasons, None)
            }
            Err(error) => (Verdict::Malformed, vec![first_line(&error.to_string())], None),
        };
        Listed { name: name.to_owned(), path, shadowed: false, verdict, reasons, about }
    }

    fn verdict(&self) -> String {
        format!("{:?}", self.verdict).to_lowercase()
    }

    /// Version and kernels in a few words.
    fn about(&self) -> String {
        let manifest = self.about.as_ref().map(|about| &about.manifest);
        let said = |value: Option<&String>| value.map_or("unknown", String::as_str).to_owned();
        let version = said(manifest.and_then(|manifest| manifest.version.as_ref()));
        format!("version {version}, kernel {}", said(manifest.and_then(|manifest| manifest.kernel.as_ref())))
    }

    fn json(&self) -> Value {
        let about = self.about.as_ref();
        let manifest = about.map(|about| &about.manifest);
        json!({
            "name": self.name,
            "about": self.about(),
            "version": manifest.and_then(|manifest| manifest.version.as_deref()),
            "abi": about.map(|about| about.abi),
            "arch": manifest.and_then(|manifest| manifest.arch.as_deref()),
            "kernel": manifest.and_then(|manifest| manifest.kernel.as_deref()),
            "sha256": about.map(|about| about.sha256.as_str()),
            "verdict": self.verdict(),
            "reasons": self.reasons,
            "embedded": self.path.is_none(),
            "path": self.path,
            "shadowed": self.shadowed,
        })
    }

    /// The columns, as people read them.
    fn row(&self) -> [String; 8] {
        let about = self.about.as_ref();
        let manifest = about.map(|about| &about.manifest);
        let said = |of: fn(&Manifest) -> &Option<String>| manifest.and_then(|m| of(m).clone()).unwrap_or_default();
        [
            self.name.clone(),
            said(|manifest| &manifest.version),
            about.map_or(String::new(), |about| about.abi.to_string()),
            self.verdict(),
            about.map_or(String::new(), |about| about.sha256.clone()),
            self.path.clone().unwrap_or_else(|| "embedded".to_owned()),
            said(|manifest| &manifest.kernel),
            said(|manifest| &manifest.arch),
        ]
    }
}

impl About {
    fn of(plugin: &ValidPlugin) -> About {
        About { manifest: plugin.manifest().clone(), sha256: plugin.sha256_hex(), abi: plugin.abi_version() }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

const COLUMNS: [&str; 8] = ["name", "version", "abi", "verdict", "sha256", "from", "kernel", "arch"];

fn print(args: &PluginListArgs, config: &Config, listed: &[Listed]) -> Result<()> {
    let mut out = stdout();
    match args.output.format() {
        Format::Text => {
            let mut rows = vec![COLUMNS.map(str::to_owned)];
            rows.extend(listed.iter().map(Listed::row));
            for row in rows.iter_mut().skip(1) {
                row[4].truncate(12);
                if let Some(file) = Path::new(&row[5]).file_name() {
                    row[5] = file.to_string_lossy().into_owned();
                }
            }
            let widths: [usize; 8] =
                std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0));
            for (i, row) in rows.iter().enumerate() {
                let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
                writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
                let Some(plugin) = i.checked_sub(1).and_then(|i| listed.get(i)) else { continue };
                for reason in &plugin.reasons {
                    writeln!(out, "  {reason}")?;
                }
                if plugin.shadowed {
                    writeln!(out, "  not found by this name, which is another's: give its path")?;
                }
            }
            writeln!(out, "verdicts for {}", describe(config))?;
        }
        Format::Csv => {
            writeln!(out, "name,about,sha256,version,abi,verdict,from,kernel,arch")?;
            for plugin in listed {
                let [name, version, abi, verdict, sha256, from, kernel, arch] = plugin.row();
                let cells = [name, plugin.about(), sha256, version, abi, verdict, from, kernel, arch];
                let cells: Vec<_> = cells.iter().map(|cell| csv_field(cell)).collect();
                writeln!(out, "{}", cells.join(","))?;
            }
        }
        format => {
            let plugins: Vec<Value> = listed.iter().map(Listed::json).collect();
            print_json(&document(json!({ "config": describe(config), "plugins": plugins })), format)?;
        }
    }
    Ok(out.flush()?)
}
