//! `ptwalk plugin new` and `build`: what starts a plugin, and what makes a module of it.

use anyhow::Result;
use ptwalk::scaffold::{Scaffold, ScaffoldError};
use ptwalk::toolchain::{self, Project};
use serde_json::json;

use super::args::{Format, OutputArgs, PluginBuildArgs, PluginNewArgs, VerifyArgs};
use super::exit::{Answer, Fault};
use super::output::{document, notice, print_json};

pub fn new(args: &PluginNewArgs) -> Result<Answer> {
    let scaffold = Scaffold { name: &args.name, arch: args.arch(), language: args.language() };
    let folder = match scaffold.create(&args.parent) {
        Ok(folder) => folder,
        Err(error @ (ScaffoldError::Name { .. } | ScaffoldError::Exists { .. })) => {
            return Err(Fault::Usage(error.to_string()).into());
        }
        Err(error) => return Err(error.into()),
    };
    said(&args.output, "folder", &folder.display().to_string())?;
    notice(&args.output, &format!("{0} is ready: {0}/test builds it and proves its laws", folder.display()));
    Ok(Answer::Yes)
}

pub fn build(args: &PluginBuildArgs) -> Result<Answer> {
    let project = Project::open(&args.folder)?;
    if args.fetch {
        toolchain::fetch(project.language)?;
    }
    let out = args.out.clone().unwrap_or_else(|| project.module());
    let with = project.build(&out)?;
    let module = out.display().to_string();
    notice(&args.output, &format!("{module} built by {with}"));
    if args.no_check {
        said(&args.output, "module", &module)?;
        return Ok(Answer::Yes);
    }
    // A path is one also where it is a word.
    let spec = if out.components().count() == 1 { format!("./{module}") } else { module };
    super::verify::run(&VerifyArgs {
        plugins: vec![spec],
        config: args.config.clone(),
        all_configs: false,
        laws: project.laws(),
        receipt: None,
        explain: None,
        output: args.output.clone(),
    })
}

/// Prints what was made: its path alone, or a document.
fn said(output: &OutputArgs, key: &str, path: &str) -> Result<()> {
    match output.format() {
        Format::Text | Format::Csv => println!("{path}"),
        format => print_json(&document(json!({ key: path })), format)?,
    }
    Ok(())
}
