//! A plugin may come from any language: the templates of `ptwalk plugin new` in C and in WAT, beside the plugins in Rust.
//!
//! They are for v5.3, arm64 with 4K and 48 bits. What they export must be what the embedded plugin answers, and walks
//! through them must be equal event by event. `tests/plugins/c/build` compiles those in C.

mod support;

use std::path::Path;
use std::sync::Arc;

use ptwalk::engine::Engine;
use ptwalk::engine::sandbox::{Compiled, Mode};
use ptwalk::engine::{Queries, Wanted};
use ptwalk::plugin;
use ptwalk::sample;
use ptwalk::walk::{Event, TableSet, walk_map};
use ptwalk_abi::{Config, Extern, Half, Helper, KVersion};
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::{LawSet, verify};
use support::random::Random;

type Failure = Box<dyn std::error::Error>;

/// Plugins with the embedded one that each must agree with.
const PLUGINS: [(&str, &str); 6] = [
    ("arm64", "tests/plugins/c/arm64.wasm"),
    ("arm64", "host/templates/arm64/plugin.wat"),
    ("x86", "tests/plugins/c/x86.wasm"),
    ("x86", "host/templates/x86/plugin.wat"),
    ("ppc", "tests/plugins/c/ppc.wasm"),
    ("ppc", "host/templates/ppc/plugin.wat"),
];

fn path(plugin: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(plugin).display().to_string()
}

/// The configurations that v5.3 with 4K and 48 bits has. The templates for ppc know no savedwrite.
fn configs(arch: &str) -> Vec<Config> {
    let base = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, KVersion::new(5, 3, 0).code());
    let off = [
        Extern::TRANSPARENT_HUGEPAGE,
        Extern::HUGETLB_PAGE,
        Extern::NUMA_BALANCING,
        Extern::ARCH_HAS_PTE_DEVMAP,
        Extern::ARCH_HAS_PTE_SPECIAL,
        Extern::ARM64_HW_AFDBM,
    ];
    if arch == "ppc" {
        let base = base.with(Extern::NUMA_BALANCING, 0);
        return vec![base, base.with(Extern::PAGE_SHIFT, 16), base.with(Extern::TRANSPARENT_HUGEPAGE, 0)];
    }
    let none = off.iter().fold(base, |config, key| config.with(*key, 0));
    [base, none].into_iter().chain(off.map(|key| base.with(key, 0))).collect()
}

/// Words at the corners: each bit alone, each bit missing, every type in the low bits under every bit; and random ones.
fn words() -> Vec<u64> {
    let mut random = Random::new(0x5ca1_ab1e);
    let mut words = vec![0, u64::MAX];
    for bit in 0..64 {
        words.extend([1 << bit, !(1 << bit)]);
        words.extend((0..4).map(|low| 1 << bit | 0x00e8_0000_8000_0f50 | low));
    }
    words.extend((0..2000).map(|_| random.word()));
    words.extend((0..500).map(|_| random.word() & random.word() & random.word()));
    words
}

/// What a geometry says, however it is said: `TASK_SIZE_MAX` left out means the end of the lower half.
fn shape(plugin: &Arc<ValidPlugin>, config: &Config) -> Result<impl PartialEq + std::fmt::Debug, Failure> {
    let geometry = Compiled::geometry(plugin, config)?;
    let halves = [Half::Lower, Half::Upper].map(|half| geometry.half(half));
    let flags = [geometry.big_endian, geometry.shared_root];
    Ok((geometry.slots().to_vec(), halves, geometry.task_size_max(), flags))
}

#[test]
fn every_exported_helper_answers_as_the_plugin_in_rust() -> Result<(), Failure> {
    let words = words();
    for (arch, name) in PLUGINS {
        let reference = plugin::load(arch)?;
        let plugin = plugin::load(&path(name))?;
        assert!(plugin.exports().len() >= 40, "{name} exports {} helpers", plugin.exports().len());
        let mut calls = 0;
        for config in configs(arch) {
            let shapes = [shape(&plugin, &config)?, shape(&reference, &config)?];
            assert_eq!(shapes[0], shapes[1], "{name}");
            let mut theirs =
                Compiled::unverified(plugin.clone(), &config, Queries::none())?.instantiate(Mode::PerCall)?;
            let mut ours =
                Compiled::unverified(reference.clone(), &config, Queries::none())?.instantiate(Mode::PerCall)?;
            let mut random = Random::new(7);
            for helper in plugin.exports().keys().copied() {
                if !ours.has(helper) {
                    return Err(format!("{name} exports {helper}, which {arch} does not have").into());
                }
                for word in &words {
                    let second = if random.one_in(2) { 1 } else { random.word() };
                    let args = [*word, second];
                    let answers = [theirs.call(helper, args)?, ours.call(helper, args)?];
                    assert_eq!(answers[0], answers[1], "{name}: {helper}({args:#x?}) under {config:?}");
                    calls += 1;
                }
            }
        }
        println!("{name}: {calls} calls agree");
    }
    Ok(())
}

#[test]
fn a_plugin_in_text_has_lines_and_the_same_bytes_in_every_folder() -> Result<(), Failure> {
    let text = "(module\n  (func (export \"pte_none\") (param i64) (result i32)\n    unreachable))";
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let mut modules = Vec::new();
    for folder in &folders {
        let file = folder.path().join("small.wat");
        std::fs::write(&file, text)?;
        let spec = file.display().to_string();
        modules.push(plugin::read(&spec)?);
        let report = verify(&plugin::load(&spec)?, &Config::DEFAULT, &LawSet::host()?).report();
        let error = report.errors.iter().find(|error| error.op.as_deref() == Some("unreachable"));
        let source = error.ok_or("it is not refused")?.source.as_deref();
        assert_eq!(source, Some("small.wat:3"));
    }
    assert_eq!(modules[0], modules[1]);
    Ok(())
}

#[test]
fn what_they_leave_out_is_a_stub_in_the_plugin_in_rust_too() -> Result<(), Failure> {
    // A helper that the kernel's walk asks for, and that is not exported, is answered by its stub: it must be one.
    for (arch, name) in PLUGINS {
        let reference = plugin::load(arch)?;
        let config = configs(arch)[0];
        let geometry = Compiled::geometry(&reference, &config)?;
        let mut ours = Compiled::unverified(reference, &config, Queries::none())?.instantiate(Mode::PerCall)?;
        let plugin = plugin::load(&path(name))?;
        let mut theirs = Compiled::unverified(plugin.clone(), &config, Queries::none())?.instantiate(Mode::PerCall)?;
        let asked = Queries::walk(&geometry, &Wanted::ALL)
            .levels
            .into_iter()
            .flat_map(|query| query.facts)
            .map(|source| source.helper);
        let stubbed: Vec<Helper> = asked.filter(|helper| !plugin.has(*helper) && theirs.has(*helper)).collect();
        assert!(!stubbed.is_empty(), "{name} exports everything: this test checks nothing");
        for helper in stubbed {
            for word in words() {
                let answers = [theirs.call(helper, [word, 0])?, ours.call(helper, [word, 0])?];
                assert_eq!(answers[0], answers[1], "{name}: stub of {helper}({word:#x})");
            }
        }
    }
    Ok(())
}

#[test]
fn the_sample_walks_to_equal_events_through_each() -> Result<(), Failure> {
    let image = sample::image()?;
    let config = configs("arm64")[0];
    // The one attribute that not all of them export: it is compared where both do.
    let without_cont = |mut event: Event| {
        if let Event::Mapping(mapping) = &mut event {
            mapping.attrs.cont = false;
        }
        event
    };
    let events = |plugin: Arc<ValidPlugin>| -> Result<Vec<Event>, Failure> {
        let geometry = Compiled::geometry(&plugin, &config)?;
        let tables = TableSet { image: &image, geometry: &geometry, root: sample::ROOT };
        let mut engine = Compiled::unverified(plugin, &config, Queries::walk(&geometry, &Wanted::ALL))?
            .instantiate(Mode::Batched)?;
        let whole = tables.whole().ok_or("no lower half")?;
        let mut events = Vec::new();
        walk_map(&mut engine, &tables, whole, &mut |event, _| {
            events.push(*event);
            Ok(())
        })?;
        Ok(events)
    };
    let wanted = events(plugin::load("arm64")?)?;
    let mappings = wanted.iter().filter(|event| matches!(event, Event::Mapping(_))).count();
    assert!(mappings > 1000, "{mappings} mappings");
    for (_, name) in PLUGINS.into_iter().filter(|(arch, _)| *arch == "arm64") {
        let plugin = plugin::load(&path(name))?;
        let has_cont = plugin.has(Helper::pte_cont) && plugin.has(Helper::pmd_cont);
        let found = events(plugin)?;
        let seen = |event: &Event| if has_cont { *event } else { without_cont(*event) };
        let pairs = wanted.iter().map(seen).zip(found.iter().map(seen));
        let differ = pairs.into_iter().find(|(ours, theirs)| ours != theirs);
        assert_eq!(differ, None, "{name}");
        assert_eq!(found.len(), wanted.len(), "{name}");
    }
    println!("{} events equal, {mappings} of them mappings", wanted.len());
    Ok(())
}
