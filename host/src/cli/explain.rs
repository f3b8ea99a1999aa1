//! `ptwalk explain`: which check refuses an access, at which level.
//!
//! Two judges, side by side: the MMU, whose permissions every level folds, and GUP, which asks the last entry alone. The
//! MMU may refuse a page that was not accessed yet: an arm64 CPU that does not manage the access flag faults on it, so
//! that the kernel sets it (Arm ARM DDI 0487, "Access flag faults"). Not handled: memory attributes, a second stage of
//! translation.

use std::io::Write;

use anyhow::Result;
use ptwalk::engine::{Engine, Facts, Queries, Wanted};
use ptwalk::gup::policy::Taken;
use ptwalk::gup::{FollFlags, Gup, GupOutcome, StopReason, get_user_pages_fast};
use ptwalk::walk::{Attrs, End, Mapping, Passed, Translation};
use ptwalk::zone::file;
use ptwalk_abi::{Extern, Half, Helper, Kconfig, Level, MmuPerms, Op};
use serde_json::{Value, json};

use super::args::{Access, ExplainArgs, Format};
use super::exit::Answer;
use super::output::{document, hex, notice, print_json, stdout};
use super::session::Session;
use super::walk::translate;

/// One entry on the way, before both judges.
struct Step {
    at: Passed,
    /// What the entry permits, where the plugin says so.
    own: Option<MmuPerms>,
    /// What is left of that through all levels.
    folded: Option<MmuPerms>,
    /// The MMU refuses here what the levels above left.
    refuses: bool,
    /// How GUP takes the entry.
    gup: Option<&'static str>,
}

/// What a judge says.
struct Verdict {
    permitted: bool,
    reason: &'static str,
    level: Option<Level>,
}

pub fn run(args: &ExplainArgs) -> Result<Answer> {
    let zone = args.pgmap.as_deref().map(file::read).transpose()?;
    let session = Session::open(&args.image, &args.tables, &args.output)?;
    let mut zone = zone.unwrap_or_else(|| session.image.zone());
    let mut walker = session.engine(Queries::walk(&session.geometry, &Wanted::ALL))?;
    let walk = translate(&session, &mut walker, args.address)?;
    let writes = FollFlags::NONE.with(FollFlags::WRITE, args.access == Access::W);
    let gup = Gup { policy: args.epoch.gup_epoch.policy, ..Gup::new(writes) };
    let mut asker = session.engine(Queries::gup(&session.geometry, &gup))?;
    let untagged = asker.call(Helper::untagged_addr, [args.address.0, 0])?;
    let user = session.geometry.half_of(ptwalk_abi::VirtAddr(untagged)) == Some(Half::Lower);
    if user {
        session.compare_epoch(gup.policy, &args.output);
    }
    let steps = steps(&session, &walk, args, &mut asker, user.then_some(&gup))?;
    let mmu = mmu_verdict(&session, &walk, &steps);
    let outcome = if user {
        let tables = session.tables(session.user_root()?);
        Some(get_user_pages_fast(&mut asker, &tables, &mut zone, &gup, args.address, 1)?)
    } else {
        None
    };
    let note = access_flag_note(&session, &walk, &mmu);
    if let Some(note) = &note {
        notice(&args.output, note);
    }
    // GUP grants reading and writing to user mode, and nothing else.
    let gup_counts = args.el == 0 && args.access != Access::X;
    let gup_permits = outcome.as_ref().is_none_or(|outcome| outcome.stop.reason == StopReason::Complete);
    let refused = !mmu.permitted || (gup_counts && !gup_permits);
    match args.output.format() {
        Format::Json | Format::Jsonl => {
            let mut value = json_of(args, &gup, &mmu, outcome.as_ref().map(|o| (o, gup_counts)), &steps, refused);
            value["note"] = note.into();
            print_json(&document(value), args.output.format())?;
        }
        Format::Csv => print_csv(&steps)?,
        Format::Text => print_text(args, &gup, &mmu, outcome.as_ref(), &steps)?,
    }
    Ok(Answer::new(!refused))
}

/// The permission that the access needs.
fn needed(args: &ExplainArgs) -> u32 {
    match (args.el, args.access) {
        (0, Access::R) => MmuPerms::USER_READ,
        (0, Access::W) => MmuPerms::USER_WRITE,
        (0, Access::X) => MmuPerms::USER_EXEC,
        (_, Access::R) => MmuPerms::KERNEL_READ,
        (_, Access::W) => MmuPerms::KERNEL_WRITE,
        (_, Access::X) => MmuPerms::KERNEL_EXEC,
    }
}

fn steps(
    session: &Session,
    walk: &Translation,
    args: &ExplainArgs,
    engine: &mut impl Engine,
    gup: Option<&Gup>,
) -> Result<Vec<Step>> {
    let mut folded = Some(MmuPerms::ALL);
    let needed = needed(args);
    let mut steps = Vec::new();
    let slots = session.geometry.slots();
    // Behind a directory of huge pages come its ptes, which belong to the last level.
    let mut directory = false;
    for (i, at) in walk.trail.iter().enumerate() {
        let depth = if directory { slots.len() - 1 } else { i };
        let Some(slot) = slots.get(depth) else { break };
        let leads_to_huge_ptes = slot.level != Level::Pte && engine.call(Helper::is_hugepd, [at.raw, 0])? != 0;
        let own = if leads_to_huge_ptes { Some(MmuPerms::ALL) } else { own(engine, slot.level, at.raw)? };
        let above = folded;
        folded = folded.zip(own).map(|(folded, own)| folded & own);
        let refuses = above.is_some_and(|above| above.has(needed)) && folded.is_some_and(|left| !left.has(needed));
        let gup = match gup {
            Some(gup) if directory => Some(hugepte_taken(gup, engine, depth, at.raw)?),
            Some(gup) => Some(taken(gup, slot.level, engine.record(depth, at.raw)?.facts)),
            None => None,
        };
        directory = leads_to_huge_ptes;
        steps.push(Step { at: *at, own, folded, refuses, gup });
    }
    Ok(steps)
}

/// What an entry permits, where the plugin says so.
fn own(engine: &mut impl Engine, level: Level, raw: u64) -> Result<Option<MmuPerms>> {
    let Some(helper) = Helper::find(level, Op::MmuPerms).filter(|helper| engine.has(*helper)) else { return Ok(None) };
    let bits = engine.call(helper, [raw, 0])? & u64::from(MmuPerms::ALL.bits());
    Ok(Some(MmuPerms::from_bits_truncate(u32::try_from(bits)?)))
}

/// How GUP takes a huge pte of a directory.
fn hugepte_taken(gup: &Gup, engine: &mut impl Engine, depth: usize, raw: u64) -> Result<&'static str> {
    let write = u64::from(gup.policy.hugepte_written(gup.flags));
    let permitted = engine.call(Helper::pte_access_permitted, [raw, write])? != 0;
    let facts = engine.record(depth, raw)?.facts.with(Facts::PERMITTED, permitted);
    Ok(gup.policy.refuses_hugepte(facts).map_or("huge_pte", StopReason::name))
}

/// How GUP takes an entry, by what it says alone.
fn taken(gup: &Gup, level: Level, facts: Facts) -> &'static str {
    if level == Level::Pte {
        return gup.policy.refuses_pte(facts, gup.flags).map_or("leaf", StopReason::name);
    }
    match gup.policy.takes(level, facts, gup.flags) {
        Taken::Refused(reason) => reason.name(),
        Taken::Leaf => "leaf",
        Taken::Directory => "hugepd",
        Taken::Table => "table",
    }
}

fn mmu_verdict(session: &Session, walk: &Translation, steps: &[Step]) -> Verdict {
    let mapping = match &walk.end {
        End::Stopped { reason, level, .. } => return Verdict { permitted: false, reason, level: *level },
        End::Mapped(mapping) => mapping,
    };
    if let Some(step) = steps.iter().find(|step| step.refuses) {
        return Verdict { permitted: false, reason: "not_permitted", level: Some(step.at.level) };
    }
    if !mapping.attrs.young && sets_access_flag(session) == Some(false) {
        return Verdict { permitted: false, reason: ACCESS_FLAG, level: Some(mapping.level) };
    }
    let known = steps.iter().all(|step| step.own.is_some());
    Verdict { permitted: true, reason: if known { "permitted" } else { "unknown" }, level: None }
}

/// The verdict on a page that was not accessed yet, where the CPU leaves it to the kernel to say that it was.
const ACCESS_FLAG: &str = "access_flag";

/// Whether the CPU itself says of a page that it was accessed; `None` where the plugin knows of no other way. No dump
/// tells: it is said with `--config`, or assumed. A kernel with `CONFIG_ARM64_HW_AFDBM` has the CPU manage the flag where
/// it manages the dirty state (arch/arm64/mm/proc.S and kernel/cpufeature.c, v6.12).
fn sets_access_flag(session: &Session) -> Option<bool> {
    let asks = session.plugin.plugin().imports().contains(&Extern::ARM64_HW_AFDBM);
    asks.then(|| session.plugin.config().on(Extern::ARM64_HW_AFDBM))
}

/// What is assumed of the access flag, as a sentence; nothing where it makes no difference.
fn access_flag_note(session: &Session, walk: &Translation, mmu: &Verdict) -> Option<String> {
    let End::Mapped(Mapping { attrs: Attrs { young: false, .. }, .. }) = walk.end else { return None };
    let sets = sets_access_flag(session)?;
    let (value, other) = (u8::from(sets), u8::from(!sets));
    Some(if mmu.reason == ACCESS_FLAG {
        format!(
            "the access flag is clear, and the CPU does not set it (ARM64_HW_AFDBM={value}): the kernel will, at the fault; \
             with --config ARM64_HW_AFDBM={other} the access is permitted"
        )
    } else {
        format!(
            "the access flag is clear, and the CPU is taken to set it (ARM64_HW_AFDBM={value}); with \
             --config ARM64_HW_AFDBM={other} it faults"
        )
    })
}

/// Permissions as `ls` writes them: user mode's, then the kernel's.
pub fn shown(perms: MmuPerms) -> [String; 2] {
    let letters = |bits: [u32; 3]| {
        bits.into_iter().zip(['r', 'w', 'x']).map(|(bit, letter)| if perms.has(bit) { letter } else { '-' }).collect()
    };
    [
        letters([MmuPerms::USER_READ, MmuPerms::USER_WRITE, MmuPerms::USER_EXEC]),
        letters([MmuPerms::KERNEL_READ, MmuPerms::KERNEL_WRITE, MmuPerms::KERNEL_EXEC]),
    ]
}

/// The same as the JSON interface writes them.
pub fn perms_json(perms: Option<MmuPerms>) -> Value {
    perms.map_or(Value::Null, |perms| {
        let [user, kernel] = shown(perms);
        json!({ "user": user, "kernel": kernel })
    })
}

fn access_name(access: Access) -> &'static str {
    match access {
        Access::R => "r",
        Access::W => "w",
        Access::X => "x",
    }
}

fn json_of(
    args: &ExplainArgs,
    gup: &Gup,
    mmu: &Verdict,
    outcome: Option<(&GupOutcome, bool)>,
    steps: &[Step],
    refused: bool,
) -> Value {
    let levels: Vec<Value> = steps
        .iter()
        .map(|step| {
            let Passed { level, table, index, raw } = step.at;
            json!({
                "level": level.name(),
                "table": hex(table.0),
                "index": index,
                "entry": hex(step.at.entry_pa().0),
                "raw": hex(raw),
                "mmu": { "own": perms_json(step.own), "folded": perms_json(step.folded), "refuses": step.refuses },
                "gup": step.gup,
            })
        })
        .collect();
    let gup = outcome.map(|(outcome, counts)| {
        json!({
            "epoch": gup.policy.name,
            "permitted": outcome.stop.reason == StopReason::Complete,
            "counts": counts,
            "reason": outcome.stop.reason.name(),
            "level": outcome.stop.level.map(Level::name),
            "raw": outcome.stop.raw.map(hex),
        })
    });
    json!({
        "va": hex(args.address.0),
        "access": access_name(args.access),
        "el": args.el,
        "refused": refused,
        "mmu": { "permitted": mmu.permitted, "reason": mmu.reason, "level": mmu.level.map(Level::name) },
        "gup": gup,
        "levels": levels,
    })
}

fn print_csv(steps: &[Step]) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "level,entry,raw,user,kernel,mmu_refuses,gup")?;
    for step in steps {
        let [user, kernel] = step.folded.map(shown).unwrap_or_default();
        let (entry, raw, gup) = (step.at.entry_pa().0, step.at.raw, step.gup.unwrap_or_default());
        writeln!(out, "{},{entry:#x},{raw:#x},{user},{kernel},{},{gup}", step.at.level, step.refuses)?;
    }
    out.flush()
}

fn print_text(
    args: &ExplainArgs,
    gup: &Gup,
    mmu: &Verdict,
    outcome: Option<&GupOutcome>,
    steps: &[Step],
) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}: {} at EL{}", args.address, access_name(args.access), args.el)?;
    writeln!(out, "  {:3} {:18} {:18}   {:8} {:8} gup", "", "entry at", "raw", "own", "folded")?;
    for step in steps {
        let perms = |perms: Option<MmuPerms>| perms.map_or("unknown".to_owned(), |perms| shown(perms).join("/"));
        let mark = if step.refuses { " <- refused" } else { "" };
        let (level, raw, entry) = (step.at.level, step.at.raw, step.at.entry_pa());
        let (own, folded) = (perms(step.own), perms(step.folded));
        let gup = step.gup.unwrap_or("-");
        writeln!(out, "  {level:3} {entry} {raw:#018x}   {own:8} {folded:8} {gup}{mark}")?;
    }
    let at = |level: Option<Level>| level.map_or(String::new(), |level| format!(" at {level}"));
    let said = if mmu.permitted { "does not refuse" } else { "refuses" };
    writeln!(out, "mmu {said}{}: {}", at(mmu.level), mmu.reason)?;
    match outcome {
        Some(GupOutcome { stop, .. }) if stop.reason != StopReason::Complete => {
            writeln!(out, "gup (v{}) refuses{}: {}", gup.policy.name, at(stop.level), stop.reason.describe())?;
        }
        Some(_) => writeln!(out, "gup (v{}) pins the page", gup.policy.name)?,
        None => writeln!(out, "gup is not asked: no user address")?,
    }
    out.flush()
}
