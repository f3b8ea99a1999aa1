//! From arguments to something that can be walked: image, plugin, configuration, geometry, roots.
//!
//! What the image says is used where the command line says nothing, and is printed on stderr; where neither says enough,
//! the command refuses and names the flag.

use std::io::{BufRead, Read};

use anyhow::{Context, Result};
use ptwalk::admission::Order;
use ptwalk::engine::fused::{Isa, Kernels};
use ptwalk::engine::sandbox::Mode;
use ptwalk::engine::{Admitted, Choice, Prepared, Queries, Started};
use ptwalk::gup::Policy;
use ptwalk::image::{Image, OpenOptions};
use ptwalk::plugin;
use ptwalk::probe::{CandidateRoot, Probe, Unknown};
use ptwalk::walk::{Root, Space, TableSet, TranslateError};
use ptwalk_abi::{Extern, Geometry, Half, KVersion, Kconfig, VaRange};

use super::args::{EngineArg, ImageArgs, OutputArgs, PluginArgs, TableArgs};
use super::exit::Fault;
use super::output::notice;

/// Opens an image.
pub fn open(args: &ImageArgs) -> Result<Image> {
    Ok(Image::open(&args.image, &OpenOptions { base: args.base })?)
}

/// Everything a walk needs.
pub struct Session {
    pub image: Image,
    pub plugin: Admitted,
    pub geometry: Geometry,
    pub roots: Vec<Root>,
    spec: String,
    engine: Choice,
    verbose: bool,
}

impl Session {
    /// Puts a session together for an image that is open.
    pub fn new(image: Image, tables: &TableArgs, output: &OutputArgs) -> Result<Session> {
        let mut probe = Probe::new(&image);
        tables.root.iter().for_each(|root| probe.learn_from(&image, *root));
        let spec = plugin_spec(&probe, tables)?;
        let plugin = plugin::load(&spec)?;
        let config = tables.plugin.config.apply(probe.config());
        let engine = choice(&tables.plugin)?;
        let plugin = if tables.plugin.unverified {
            Admitted::Unverified(plugin, config)
        } else {
            Admitted::Verified(plugin::admit(&spec, &plugin, &config)?)
        };
        let geometry = plugin.geometry()?;
        let roots = roots(&probe, tables, &geometry)?;
        for warning in plugin.plugin().warnings() {
            notice(output, &format!("plugin {spec}: {warning}"));
        }
        let root_table = geometry.slots()[0];
        let version = KVersion::from_code(config.get(Extern::LINUX_VERSION_CODE));
        let told = if tables.plugin.config.kernel.is_some() { "--kernel" } else { told_by(&probe) };
        let image_says = probe.findings.iter().find(|finding| finding.key == Extern::LINUX_VERSION_CODE);
        // The sublevel, the lowest byte, is no release of its own.
        if let Some(finding) = image_says.filter(|finding| finding.value >> 8 != version.code() >> 8) {
            notice(output, &format!("kernel {version} is asked for, but the image says {}", finding.evidence));
        }
        notice(
            output,
            &format!(
                "plugin {spec}{}, kernel {version} ({told}), {} granule, {} levels, {}-bit VA",
                if tables.plugin.unverified { " (not verified)" } else { "" },
                super::output::size(1 << geometry.page_shift()),
                geometry.slots().len(),
                root_table.shift + root_table.entries.ilog2(),
            ),
        );
        if output.verbose {
            let settings = plugin.plugin().imports().iter().map(|key| format!("{key}={}", config.get(*key)));
            notice(output, &format!("configuration {}", settings.collect::<Vec<_>>().join(",")));
            for Unknown { what, flag } in &probe.unknowns {
                notice(output, &format!("the image does not say: {what} ({flag})"));
            }
        }
        for root in &roots {
            let name = probe.roots.iter().find(|candidate| candidate.root == *root).map_or("", |found| found.name);
            notice(output, format!("root {} ({} half) {name}", root.pa, root.half).trim_end());
            if let Some(decoy) = probe.decoys.iter().find(|decoy| decoy.pa == root.pa) {
                notice(output, &format!("root {} is {}: {}", root.pa, decoy.name, decoy.evidence));
            }
        }
        Ok(Session { image, plugin, geometry, roots, spec, engine, verbose: output.verbose && !output.quiet })
    }

    /// Opens the image and puts a session together.
    pub fn open(image: &ImageArgs, tables: &TableArgs, output: &OutputArgs) -> Result<Session> {
        Session::new(open(image)?, tables, output)
    }

    /// Says so where the kernel whose GUP is modelled would not do as the one that the entries are read for.
    pub fn compare_epoch(&self, policy: &Policy, output: &OutputArgs) {
        let kernel = KVersion::from_code(self.plugin.config().get(Extern::LINUX_VERSION_CODE));
        let own = Policy::of(kernel);
        if own != Some(policy) {
            let hint = own.map_or(String::new(), |own| format!("; --gup-epoch {} does as that kernel", own.name));
            let text = format!("the entries are read as of v{kernel}, but GUP is that of v{}{hint}", policy.name);
            notice(output, &text);
        }
    }

    /// An engine for `queries`, to be shared between threads.
    pub fn prepare(&self, queries: Queries) -> Result<Prepared> {
        let prepared = self.plugin.prepare(queries, self.engine)?;
        if let (Prepared::Fused(fused), true) = (&prepared, self.verbose) {
            for (level, kernel) in fused.kernels() {
                eprintln!("ptwalk: {level} kernel {kernel}");
            }
        }
        Ok(prepared)
    }

    /// An engine that answers `queries`.
    pub fn engine(&self, queries: Queries) -> Result<Started> {
        Ok(self.prepare(queries)?.start()?)
    }

    /// The session's plugin, to be admitted by whoever changes plugins.
    pub fn order(&self) -> Order {
        let unverified = matches!(self.plugin, Admitted::Unverified(..));
        let order = Order::new(&self.spec, *self.plugin.config());
        Order { choice: self.engine, unverified, ..order }
    }

    /// The tables under a root.
    pub fn tables(&self, root: Root) -> TableSet<'_> {
        TableSet { image: &self.image, geometry: &self.geometry, root }
    }

    /// The ranges to walk with their roots: those asked for, or all that each root translates.
    ///
    /// # Errors
    /// [`Fault::Usage`] where no root translates any of a range.
    pub fn ranges(&self, asked: &[VaRange]) -> Result<Vec<(Root, VaRange)>> {
        if asked.is_empty() {
            let whole = self.roots.iter().filter_map(|root| Some((*root, self.tables(*root).whole()?)));
            return Ok(whole.collect());
        }
        let mut ranges = Vec::new();
        for range in asked {
            let before = ranges.len();
            for root in &self.roots {
                let part = self.tables(*root).whole().and_then(|whole| whole.intersect(*range));
                ranges.extend(part.map(|part| (*root, part)));
            }
            if ranges.len() == before {
                let halves: Vec<&str> = self.roots.iter().map(|root| root.half.name()).collect();
                let text = format!(
                    "--range {:#x}-{:#x}: no root translates it (there is one for: {}); give one with --root",
                    range.first.0,
                    range.end(),
                    halves.join(", ")
                );
                return Err(Fault::Usage(text).into());
            }
        }
        Ok(ranges)
    }

    /// The tables under all roots.
    pub fn space(&self) -> Space<'_> {
        Space { image: &self.image, geometry: &self.geometry, roots: &self.roots }
    }

    /// The root of the lower half, which user addresses need.
    pub fn user_root(&self) -> Result<Root> {
        self.space().root_of(Half::Lower).map_err(with_flag)?.ok_or_else(|| {
            let text = "no root table for user addresses: give the process's with --root PA";
            Fault::Ambiguous(text.to_owned()).into()
        })
    }
}

/// What is missing or too much, with the flag that mends it.
pub fn with_flag(error: TranslateError) -> anyhow::Error {
    match error {
        TranslateError::Walk(error) => error.into(),
        TranslateError::NoRoot { half, .. } => {
            Fault::Ambiguous(format!("{error}: give it with --root PA --half {half}")).into()
        }
        TranslateError::TwoRoots { .. } => {
            Fault::Usage(format!("{error}: give one, or say with --half which half each translates")).into()
        }
    }
}

/// The engine that was asked for.
pub fn choice(args: &PluginArgs) -> Result<Choice> {
    let engine = args.engine.unwrap_or(if args.unverified { EngineArg::Sandbox } else { EngineArg::Fused });
    if args.unverified && engine != EngineArg::Sandbox {
        let text = "--unverified: only --engine sandbox runs what is not proved";
        return Err(Fault::Usage(text.to_owned()).into());
    }
    Ok(match engine {
        EngineArg::Fused => Choice::Fused(Kernels::Best),
        EngineArg::FusedScalar => Choice::Fused(Kernels::Scalar),
        EngineArg::FusedAvx2 if Isa::Avx2.is_available() => Choice::Fused(Kernels::Only(Isa::Avx2)),
        EngineArg::FusedAvx2 => {
            return Err(Fault::Usage("--engine fused-avx2: this processor has no AVX2".to_owned()).into());
        }
        EngineArg::Sandbox => Choice::Sandbox(Mode::Batched),
    })
}

fn told_by(probe: &Probe) -> &str {
    let finding = probe.findings.iter().find(|finding| finding.key == Extern::LINUX_VERSION_CODE);
    match finding {
        Some(finding) if finding.evidence.starts_with("OSRELEASE=") => "from VMCOREINFO",
        Some(finding) => &finding.evidence,
        None => "assumed; say it with --kernel",
    }
}

fn plugin_spec(probe: &Probe, tables: &TableArgs) -> Result<String> {
    if let Some(spec) = &tables.plugin.plugin {
        return Ok(spec.clone());
    }
    let embedded = |name: &str| plugin::EMBEDDED.iter().any(|plugin| plugin.name == name);
    match &probe.arch {
        Some((name, _)) if embedded(name) => Ok((*name).to_owned()),
        Some((name, evidence)) => Err(Fault::Ambiguous(format!(
            "the image is of {name} ({evidence}), for which no plugin is embedded: give one with --plugin FILE"
        ))
        .into()),
        None => {
            let names: Vec<&str> = plugin::EMBEDDED.iter().map(|plugin| plugin.name).collect();
            let embedded = names.join(", ");
            let text = format!(
                "the image does not say its architecture: name the plugin with --plugin (embedded: {embedded})"
            );
            Err(Fault::Ambiguous(text).into())
        }
    }
}

/// The roots that are given, or that the image points to.
pub fn roots(probe: &Probe, tables: &TableArgs, geometry: &Geometry) -> Result<Vec<Root>> {
    if tables.half.len() > tables.root.len() {
        return Err(Fault::Usage("--half says which half a --root translates: give it a --root".to_owned()).into());
    }
    if tables.root.is_empty() {
        let found = probe.usable_roots();
        if found.is_empty() {
            let text = "the image does not say where its root table is: give it with --root PA [--half upper]";
            return Err(Fault::Ambiguous(text.to_owned()).into());
        }
        if let Some(candidate) = probe.roots.iter().find(|candidate| !candidate.root.is_aligned(geometry)) {
            let CandidateRoot { root, evidence, .. } = candidate;
            let text = format!("{} cannot be a root table ({evidence}): give the right one with --root PA", root.pa);
            return Err(Fault::Ambiguous(text).into());
        }
        return Ok(found);
    }
    let mut roots = Vec::new();
    for (i, pa) in tables.root.iter().copied().enumerate() {
        match tables.half.get(i) {
            Some(half) => roots.push(Root { pa, half: *half }),
            None if geometry.shared_root => {
                roots.extend([Half::Lower, Half::Upper].map(|half| Root { pa, half }));
            }
            None => roots.push(Root { pa, half: Half::Lower }),
        }
    }
    if let Some((_, root)) = roots.iter().enumerate().find(|(i, root)| roots[..*i].contains(root)) {
        return Err(Fault::Usage(format!("--root {} is given twice for the {} half", root.pa, root.half)).into());
    }
    if let Some(root) = roots.iter().find(|root| geometry.half(root.half).is_none()) {
        let text = format!("the architecture has no {} half", root.half);
        return Err(Fault::Usage(text).into());
    }
    if let Some(root) = roots.iter().find(|root| !root.is_aligned(geometry)) {
        let bytes = geometry.slots()[0].table_bytes();
        let text = format!(
            "--root {}: a root table of {bytes} bytes is aligned to its size (the base register may hold more than the \
             address: an ASID above it, flags below)",
            root.pa
        );
        return Err(Fault::Usage(text).into());
    }
    Ok(roots)
}

/// Arguments one after the other; each `-` stands for the lines of stdin.
pub fn items<T: 'static>(texts: &[String], parse: fn(&str) -> Result<T, String>) -> impl Iterator<Item = Result<T>> {
    let parse = move |text: &str| parse(text).map_err(|error| Fault::Usage(error).into());
    texts.iter().flat_map(move |text| -> Box<dyn Iterator<Item = Result<T>>> {
        if text != "-" {
            return Box::new(std::iter::once(parse(text)));
        }
        let lines = stdin_lines();
        Box::new(lines.map(move |line| {
            let (number, text) = line?;
            parse(text.trim()).with_context(|| format!("stdin, line {number}"))
        }))
    })
}

/// Bytes that a line of stdin may have.
const LINE_BYTES_MAX: u64 = 4096;

/// The lines of stdin that are not blank, for arguments given as `-`, each with its number.
///
/// An item is an error where a line is too long or is no text; nothing is read after it.
pub fn stdin_lines() -> impl Iterator<Item = Result<(usize, String)>> {
    let mut input = std::io::stdin().lock();
    let mut failed = false;
    let mut read = move || -> Result<Option<String>> {
        let mut line = Vec::new();
        let bytes = (&mut input).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        if bytes as u64 > LINE_BYTES_MAX {
            return Err(Fault::Usage(format!("longer than {LINE_BYTES_MAX} bytes")).into());
        }
        Ok(if bytes == 0 { None } else { Some(String::from_utf8(line)?) })
    };
    let lines =
        std::iter::from_fn(move || if failed { None } else { read().inspect_err(|_| failed = true).transpose() });
    lines.enumerate().filter_map(|(i, line)| match line {
        Ok(line) if line.trim().is_empty() => None,
        line => Some(line.map(|line| (i + 1, line)).with_context(|| format!("stdin, line {}", i + 1))),
    })
}
