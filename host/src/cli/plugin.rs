//! `ptwalk plugin`: run a helper, show what a plugin holds, list the contract.

use std::io::Write;

use anyhow::{Context, Result};
use ptwalk::engine::sandbox::Mode;
use ptwalk::engine::{Admitted, Choice, Engine, Fused, Queries, Wanted};
use ptwalk::number::parse_u64;
use ptwalk::plugin::{self, describe};
use ptwalk_abi::{Config, Extern, Helper, Level, MANIFEST_KEYS, Signature};
use ptwalk_verifier::diagram::{EntryLayout, Style};
use ptwalk_verifier::validate::{Manifest, ValidPlugin};
use ptwalk_verifier::verify::{LawSet, Outcome, Session, VerifiedPlugin, VerifyReport, verify};
use serde_json::{Map, Value, json};

use super::args::{Format, ListArgs, PluginCommand, PluginInspectArgs, PluginRunArgs};
use super::exit::{Answer, Fault, reason};
use super::output::{Layout, ListDocument, csv_field, document, hex, notice, print_json, stdout};
use super::session::stdin_lines;

pub fn run(command: &PluginCommand) -> Result<Answer> {
    match command {
        PluginCommand::Check(args) => super::verify::run(args),
        PluginCommand::Run(args) => call(args),
        PluginCommand::Inspect(args) => inspect(args),
        PluginCommand::Helpers(args) => helpers(args),
        PluginCommand::Externs(args) => externs(args),
        PluginCommand::New(args) => super::author::new(args),
        PluginCommand::Build(args) => super::author::build(args),
        PluginCommand::List(args) => super::plugins::run(args),
    }
}

fn call(args: &PluginRunArgs) -> Result<Answer> {
    let plugin = plugin::load(&args.plugin)?;
    let helper = find_helper(&args.helper)?;
    let config = args.config.apply(Config::DEFAULT);
    let admitted = if args.unverified {
        Admitted::Unverified(plugin, config)
    } else {
        Admitted::Verified(plugin::admit(&args.plugin, &plugin, &config)?)
    };
    let mut engine = admitted.prepare(Queries::none(), Choice::Sandbox(Mode::PerCall))?.start()?;
    let mut lists = argument_lists(helper, &args.args);
    let mut call = |list: Result<Vec<u64>>| -> Result<(Vec<u64>, u64)> {
        let list = list?;
        let arg = |i: usize| list.get(i).copied().unwrap_or(0);
        let result = engine.call(helper, [arg(0), arg(1)])?;
        Ok((list, result))
    };
    let mut out = stdout();
    match args.output.format() {
        Format::Text => {
            let decimal = matches!(helper.signature(), Signature::Count) || helper.signature().is_bool();
            for list in lists {
                let (list, result) = call(list)?;
                let shown: Vec<String> = list.iter().map(|arg| format!("{arg:#018x}")).collect();
                let result = if decimal { result.to_string() } else { format!("{result:#018x}") };
                writeln!(out, "{helper}({}) = {result}", shown.join(", "))?;
            }
        }
        Format::Csv => {
            let names = ["arg0,", "arg1,"].iter().take(helper.signature().params().len()).copied();
            writeln!(out, "helper,{}result", names.collect::<String>())?;
            for list in lists {
                let (list, result) = call(list)?;
                let shown: String = list.iter().map(|arg| format!("{arg:#x},")).collect();
                writeln!(out, "{helper},{shown}{result:#x}")?;
            }
        }
        format @ (Format::Json | Format::Jsonl) => {
            let mut document = ListDocument::open(&mut out, Layout::of_records(format), "calls")?;
            let called = lists.try_for_each(|list| {
                let (list, result) = call(list)?;
                let list: Vec<Value> = list.into_iter().map(hex).collect();
                Ok(document.item(&json!({ "helper": helper.name(), "args": list, "result": hex(result) }))?)
            });
            let mut fields = Map::new();
            fields.insert("plugin".to_owned(), args.plugin.as_str().into());
            fields.insert("engine".to_owned(), "sandbox".into());
            // Where the output itself failed, closing it fails again, and the first failure is the one to tell.
            let closed = document.close(called.as_ref().err().map(reason), fields, None);
            called?;
            closed?;
        }
    }
    out.flush()?;
    Ok(Answer::Yes)
}

fn find_helper(name: &str) -> Result<Helper> {
    if let Some(helper) = Helper::by_name(name) {
        return Ok(helper);
    }
    let nearest =
        Helper::ALL.iter().max_by(|a, b| strsim::jaro(a.name(), name).total_cmp(&strsim::jaro(b.name(), name)));
    let hint = nearest.map(|helper| format!("; did you mean {helper}?")).unwrap_or_default();
    let text = format!("there is no helper `{name}`{hint} (`ptwalk plugin helpers` lists them)");
    Err(Fault::Usage(text).into())
}

/// The lists of arguments: the one on the command line, or one a line of stdin.
fn argument_lists(helper: Helper, args: &[String]) -> Box<dyn Iterator<Item = Result<Vec<u64>>>> {
    if args.iter().all(|arg| arg != "-") || args.len() != 1 {
        return Box::new(std::iter::once(parse_arguments(helper, args.iter().map(String::as_str))));
    }
    Box::new(stdin_lines().map(move |line| {
        let (number, text) = line?;
        let texts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|text| !text.is_empty());
        parse_arguments(helper, texts).with_context(|| format!("stdin, line {number}"))
    }))
}

fn parse_arguments<'a>(helper: Helper, texts: impl Iterator<Item = &'a str>) -> Result<Vec<u64>> {
    let values = texts.map(|text| parse_u64(text).map_err(|error| Fault::Usage(error.to_string())));
    let values = values.collect::<Result<Vec<u64>, Fault>>()?;
    let signature = helper.signature();
    let wanted = signature.params().len();
    if values.len() != wanted {
        let plural = if wanted == 1 { "" } else { "s" };
        let text = format!("{helper} takes {wanted} argument{plural}, {signature}; {} given", values.len());
        return Err(Fault::Usage(text).into());
    }
    Ok(values)
}

fn inspect(args: &PluginInspectArgs) -> Result<Answer> {
    let plugin = plugin::load(&args.plugin)?;
    let config = args.config.apply(Config::DEFAULT);
    let outcome = verify(&plugin, &config, &LawSet::host()?);
    // What lacks helpers, or breaks laws, has closed forms all the same.
    let report = match (&outcome, Session::new(&plugin)) {
        (Outcome::Refused(_), Ok(session)) => session.examine(&config, &LawSet::host()?),
        _ => outcome.report(),
    };
    let layout = outcome.verified().map(|verified| layout(verified, args.level));
    if let Some(path) = &args.svg {
        let Some(layout) = &layout else {
            let text =
                format!("--svg: {} is not verified, so there is nothing to draw (ptwalk verify says why)", args.plugin);
            return Err(Fault::Usage(text).into());
        };
        let title = format!("{} of {}, {}", args.level, args.plugin, describe(&config));
        std::fs::write(path, layout.svg(&title)).with_context(|| format!("cannot write {}", path.display()))?;
        notice(&args.output, &format!("drawn into {}", path.display()));
    }
    match args.output.format() {
        Format::Text => {
            let mut out = stdout();
            print_plugin(&mut out, &plugin)?;
            print_forms(&mut out, &report, &config)?;
            if let Some(verified) = outcome.verified() {
                let queries = Queries::walk(verified.geometry(), &Wanted::ALL);
                writeln!(out, "a walk that shows everything is scanned by:")?;
                for (level, kernel) in Fused::new(verified, queries)?.kernels() {
                    writeln!(out, "  {level} {kernel}")?;
                }
            }
            if let Some(layout) = &layout {
                writeln!(out, "\n{} entry:\n{}", args.level, layout.draw(100, Style::Box))?;
            }
            out.flush()?;
        }
        Format::Csv => {
            let rows: Vec<_> =
                plugin.exports().keys().map(|h| (h.name(), h.signature().to_string(), h.op().doc())).collect();
            print_csv(&rows, ["name", "signature", "doc"])?;
        }
        format @ (Format::Json | Format::Jsonl) => {
            let mut fields = plugin_json(&args.plugin, &plugin);
            fields["config"] = serde_json::to_value(&report.config)?;
            fields["verdict"] = serde_json::to_value(outcome.report().verdict)?;
            fields["forms"] = serde_json::to_value(&report.exports)?;
            fields["layout"] = serde_json::to_value(&layout)?;
            print_json(&document(fields), format)?;
        }
    }
    Ok(Answer::Yes)
}

/// What the bits of an entry of a level are, from the closed forms of its helpers.
fn layout(verified: &VerifiedPlugin, level: Level) -> EntryLayout {
    let forms: Vec<_> = Helper::ALL
        .iter()
        .filter(|helper| helper.level() == level && verified.plugin().has(**helper))
        .filter_map(|helper| Some((*helper, verified.arena(), verified.form(*helper)?.result)))
        .collect();
    EntryLayout::new(level, &forms)
}

fn print_forms(out: &mut impl Write, report: &VerifyReport, config: &Config) -> std::io::Result<()> {
    writeln!(out, "closed forms for {}:", describe(config))?;
    for helper in Helper::ALL {
        let Some(export) = report.exports.get(helper.name()) else { continue };
        let params = ["x", "y"].iter().take(helper.signature().params().len()).copied().collect::<Vec<_>>();
        let form = export.closed_form.as_deref().unwrap_or("never returns");
        let (instructions, params) = (export.instructions_max, params.join(", "));
        writeln!(out, "  {helper}({params}) = {form}   [{instructions} instructions]")?;
    }
    Ok(())
}

fn print_plugin(out: &mut impl Write, plugin: &ValidPlugin) -> std::io::Result<()> {
    let Manifest { name, version, author, arch, kernel, source } = plugin.manifest();
    for (key, value) in MANIFEST_KEYS.iter().zip([name, version, author, arch, kernel, source]) {
        writeln!(out, "{key:8} {}", value.as_deref().unwrap_or("-"))?;
    }
    writeln!(out, "sha256   {}", plugin.sha256_hex())?;
    writeln!(out, "abi      {}", plugin.abi_version())?;
    let sizes = plugin.sizes();
    let (module, functions, code) = (sizes.module_bytes, sizes.functions, sizes.code_bytes);
    writeln!(out, "size     {module} bytes, {functions} functions, {code} bytes of code")?;
    let imports: Vec<&str> = plugin.imports().iter().map(|key| key.name()).collect();
    writeln!(out, "imports  {}", if imports.is_empty() { "none".to_owned() } else { imports.join(" ") })?;
    writeln!(out, "exports  {} of {} helpers", plugin.exports().len(), Helper::ALL.len())?;
    for noise in plugin.ignored() {
        writeln!(out, "ignored  {noise}")?;
    }
    for warning in plugin.warnings() {
        writeln!(out, "warning  {warning}")?;
    }
    Ok(())
}

fn plugin_json(name: &str, plugin: &ValidPlugin) -> Value {
    let exports: Vec<Value> = plugin
        .exports()
        .keys()
        .map(|helper| json!({ "name": helper.name(), "signature": helper.signature().to_string() }))
        .collect();
    json!({
        "plugin": name,
        "sha256": plugin.sha256_hex(),
        "abi": plugin.abi_version(),
        "manifest": plugin.manifest(),
        "sizes": plugin.sizes(),
        "imports": plugin.imports().iter().map(|key| key.name()).collect::<Vec<_>>(),
        "exports": exports,
        "ignored": plugin.ignored().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "warnings": plugin.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn helpers(args: &ListArgs) -> Result<Answer> {
    let rows = Helper::ALL.iter().map(|h| (h.name(), h.signature().to_string(), h.op().doc()));
    let rows: Vec<_> = rows.collect();
    print_rows(args, &rows, "helpers", ["name", "signature", "doc"])
}

fn externs(args: &ListArgs) -> Result<Answer> {
    let rows: Vec<_> = Extern::ALL.iter().map(|e| (e.name(), e.default().to_string(), e.doc())).collect();
    print_rows(args, &rows, "externs", ["name", "default", "doc"])
}

fn print_csv(rows: &[(&str, String, &str)], keys: [&str; 3]) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}", keys.join(","))?;
    for (name, text, doc) in rows {
        writeln!(out, "{},{},{}", csv_field(name), csv_field(text), csv_field(doc))?;
    }
    out.flush()
}

fn print_rows(args: &ListArgs, rows: &[(&str, String, &str)], list: &str, keys: [&str; 3]) -> Result<Answer> {
    match args.output.format() {
        Format::Text => {
            let mut out = stdout();
            let width = rows.iter().map(|(name, _, _)| name.len()).max().unwrap_or(0);
            let second = rows.iter().map(|(_, text, _)| text.len()).max().unwrap_or(0);
            for (name, text, doc) in rows {
                writeln!(out, "{name:width$}  {text:second$}  {doc}")?;
            }
            out.flush()?;
        }
        Format::Csv => print_csv(rows, keys)?,
        format @ (Format::Json | Format::Jsonl) => {
            let row = |(name, text, doc): &(&str, String, &str)| json!({ keys[0]: name, keys[1]: text, keys[2]: doc });
            print_json(&document(json!({ list: rows.iter().map(row).collect::<Vec<_>>() })), format)?;
        }
    }
    Ok(Answer::Yes)
}
