//! `ptwalk audit`: every kind of finding on tables made for it, and real dumps.

use serde_json::{Value, json};

use crate::image::{Files, ROOT, user_memory};
use crate::ptwalk;
use crate::support::core::{ByteOrder, CoreBuilder};
use crate::support::program::{Run, arg};
use crate::support::{Memory, X86_64, real};

/// A kernel's page that it may read and write.
const RW: u64 = 0x0068_0000_0000_0f13;
/// The same without PXN: the kernel may execute it too.
const RWX: u64 = RW & !(1 << 53);
/// A page to read only.
const RO: u64 = (RW | 1 << 7) & !(1 << 51);
/// A page to read only, without UXN: user mode may execute it.
const USER_X: u64 = RO & !(1 << 54);
/// The contiguous hint.
const CONT: u64 = 1 << 52;
const KERNEL: u64 = 0xffff_8000_0000_0000;

/// A kernel's half with one page table: what is wrong with each entry is said beside it.
fn kernel_memory() -> Memory {
    let mut memory = Memory::default();
    for (pa, word) in [(0x1_0000 + 256 * 8, 0x1_1003), (0x1_1000, 0x1_2003), (0x1_2000, 0x1_3003)] {
        memory.store(pa, word);
    }
    let mut pte = |index: u64, word: u64| memory.store(0x1_3000 + index * 8, word);
    pte(0, RW | 0x4319_5000);
    pte(1, RWX | 0x4319_6000); // write_exec, with the next one
    pte(2, RWX | 0x4319_9000);
    pte(3, USER_X | 0x4319_8000); // user_exec_kernel
    pte(4, RO | 0x4319_5000); // alias of the first
    for i in 0..16 {
        let frame = i << 12;
        pte(16 + i, RW | CONT | 0x5000_0000 | frame);
        pte(32 + i, RW | if i == 8 { 0 } else { CONT } | 0x5100_0000 | frame); // one without the hint
        pte(48 + i, RW | CONT | 0x5200_0000 | if i == 2 { 0xf000 } else { frame }); // one elsewhere
        pte(64 + i, if i == 6 { RO } else { RW } | CONT | 0x5300_0000 | frame); // one read-only
        pte(80 + i, RW | CONT | (0x5400_1000 + frame)); // none is where the run would begin
        pte(96 + i, RW & !(1 << 10) | if i % 2 == 0 { 1 << 10 } else { 0 } | CONT | 0x5500_0000 | frame); // accessed or not
    }
    memory
}

fn kernel(files: &Files) -> String {
    let info = "OSRELEASE=6.1.0\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffff800010000000\nNUMBER(VA_BITS)=48\n\
                NUMBER(MAX_PHYSMEM_BITS)=48\nNUMBER(kimage_voffset)=0xffff80000fff0000\nNUMBER(TCR_EL1_T1SZ)=0x10\n";
    let core = kernel_memory().core(ByteOrder::Little, 4096).note("VMCOREINFO", 0, info.as_bytes());
    files.write("kernel.elf", &core.build())
}

fn audit(image: &str, more: &[&str]) -> Run {
    ptwalk(&[&["audit", image], more].concat())
}

fn findings(run: Run) -> Vec<Value> {
    let document = run.document();
    assert_eq!(document["schema"], "ptwalk/1");
    document["findings"].as_array().expect("a list").clone()
}

#[test]
fn every_kind_of_finding_is_found_where_it_is() {
    let files = Files::new();
    let image = kernel(&files);
    let run = audit(&image, &["--json"]).exits(1);
    let document = run.document();
    let summary = &document["summary"];
    let counts =
        ["write_exec", "user_exec_kernel", "alias", "broken_run", "epoch", "unlisted"].map(|kind| &summary[kind]);
    // The entry of 0x52002 that is elsewhere has the frame of the last of its run; both are RW.
    assert_eq!(counts, [1, 1, 1, 4, 0, 0], "{document:#}");
    assert_eq!((&document["complete"], &summary["walks"], &summary["leaves"]), (&json!(true), &json!(1), &json!(101)));
    let found = findings(run);
    let of = |kind: &str| found.iter().filter(|finding| finding["kind"] == kind).collect::<Vec<_>>();
    let region = of("write_exec")[0];
    let wanted = json!({
        "kind": "write_exec", "root": "0x10000", "half": "upper", "level": "pte", "leaves": 2,
        "start": "0xffff800000001000", "end": "0xffff800000003000", "pa": "0x43196000",
        "perms": { "user": "---", "kernel": "rwx" },
    });
    assert_eq!(*region, wanted);
    assert_eq!(of("user_exec_kernel")[0]["start"], "0xffff800000003000");
    let alias = of("alias")[0];
    assert_eq!(
        (&alias["pa"], &alias["frames"], &alias["write_exec"]),
        (&json!("0x43195000"), &json!(1), &json!(false))
    );
    let addresses: Vec<&Value> =
        alias["mappings"].as_array().expect("a list").iter().map(|mapping| &mapping["va"]).collect();
    assert_eq!(addresses, ["0xffff800000004000", "0xffff800000000000"], "{alias}");
    let runs: Vec<_> = of("broken_run")
        .iter()
        .map(|run| (run["index"].clone(), run["hinted"].clone(), run["wrong"].clone()))
        .collect();
    let wanted = [(32, 15, "hint"), (48, 16, "frames"), (64, 16, "attributes"), (80, 16, "frames")]
        .map(|(index, hinted, wrong)| (json!(index), json!(hinted), json!(wrong)));
    assert_eq!(runs, wanted);
}

#[test]
fn every_form_has_the_same_findings_on_any_number_of_threads() {
    let files = Files::new();
    let image = kernel(&files);
    let text = audit(&image, &["--threads", "1"]).exits(1).out;
    assert_eq!(text, audit(&image, &["--threads", "4"]).exits(1).out);
    assert!(text.contains("1 write_exec, 1 user_exec_kernel, 1 alias, 4 broken_run, 0 epoch (1 frames)"), "{text}");
    assert!(text.contains("r--") && text.contains("in table 0x0000000000013000 bear the hint; wrong: hint"), "{text}");
    let lines = audit(&image, &["--format", "jsonl"]).exits(1).out;
    let last: Value = serde_json::from_str(lines.lines().last().expect("a summary")).expect("JSON");
    assert_eq!((lines.lines().count(), &last["summary"]["complete"]), (8, &json!(true)));
    let csv = audit(&image, &["--format", "csv"]).exits(1).out;
    assert_eq!(csv.lines().filter(|line| line.starts_with("broken_run,0x10000,upper,0xffff8")).count(), 4, "{csv}");
}

#[test]
fn a_range_is_audited_alone_and_cuts_no_run() {
    let files = Files::new();
    let image = kernel(&files);
    audit(&image, &["--range", &format!("{KERNEL:#x}+0x1000")]).exits(0);
    // Half of the run that lacks a hint.
    audit(&image, &["--range", &format!("{:#x}+0x8000", KERNEL + 0x2_0000)]).exits(0);
    audit(&image, &["--range", &format!("{:#x}+0x10000", KERNEL + 0x2_0000)]).exits(1);
    audit(&image, &["--range", "0+0x1000"]).exits(2);
}

/// What user mode may write and execute; two ranges of one root share their frames.
#[test]
fn a_user_half_is_audited_under_its_root() {
    let files = Files::new();
    let mut memory = user_memory();
    memory.store(0x4030, 0x00a8_0000_8100_0f53);
    memory.store(0x4038, 0x00a0_0000_8000_0fd3); // the frame of the first page, to read and execute
    let image = files.write("user.elf", &memory.core(ByteOrder::Little, 4096).build());
    let args = ["--root", ROOT, "--json", "--range", "0x400000+0x1000", "--range", "0x406000+0x2000"];
    let found = findings(audit(&image, &args).exits(1));
    let kinds: Vec<_> =
        found.iter().map(|finding| (finding["kind"].clone(), finding["perms"]["user"].clone())).collect();
    assert_eq!(kinds, [(json!("write_exec"), json!("rwx")), (json!("alias"), Value::Null)]);
    assert_eq!(found[1]["write_exec"], true, "{}", found[1]);
}

/// v6.6 keeps in bit 58 that a read-only page is dirty; before, that was device memory.
#[test]
fn an_image_of_another_epoch_is_noticed_with_evidence() {
    let mut memory = Memory::default();
    let table = |pa: u64| pa | 0x67;
    for (pa, word) in [
        (0x1000, table(0x2000)),
        (0x2000, table(0x3000)),
        (0x3000, table(0x4000)),
        (0x4018, 1 << 63 | 1 << 58 | 0x7000 | 0x25_u64),
    ] {
        memory.store(pa, word);
    }
    let files = Files::new();
    let core = memory.load_into(CoreBuilder::new(ByteOrder::Little, X86_64), ByteOrder::Little, 4096);
    let image = files.write("x86.elf", &core.build());
    let root = ["--root", "0x1000", "--half", "lower", "--kernel"];
    let run = audit(&image, &[&root[..], &["5.3", "--json"]].concat()).exits(1);
    run.says(&["1 ptes are device memory but not special", "--kernel"]);
    let found = findings(audit(&image, &[&root[..], &["5.3", "--json", "-q"]].concat()).exits(1));
    assert_eq!(
        (&found[0]["kind"], &found[0]["start"], &found[0]["entries"]),
        (&json!("epoch"), &json!("0x3000"), &json!(1))
    );
    assert_eq!(found[0]["raw"], "0x8400000000007025");
    audit(&image, &[&root[..], &["6.6"]].concat()).exits(0);
}

/// Four tables that expand to 2^36 pages.
#[test]
fn shared_tables_are_bounded_as_in_every_walk() {
    let mut memory = Memory::default();
    for index in 0..512 {
        for (table, below) in [(0x1000, 0x2000), (0x2000, 0x3000), (0x3000, 0x4000)] {
            memory.store(table + index * 8, below | 3);
        }
        memory.store(0x4000 + index * 8, 0x00a8_0000_8000_0f53 | index << 12);
    }
    let files = Files::new();
    let image = files.write("shared.elf", &memory.core(ByteOrder::Little, 4096).build());
    let document = audit(&image, &["--root", ROOT, "--json"]).exits(1).document();
    assert_eq!((&document["complete"], &document["reason"]), (&json!(false), &json!("shared_tables")));
    assert!(document["summary"]["tables"].as_u64().is_some_and(|tables| tables < 4096), "{}", document["summary"]);
}

/// What shares no root with it: an audit of a real kernel and of a real process.
#[test]
fn real_dumps_are_audited() {
    let dumps = [("arm64-6.12", "0x4e9de000", "6.12"), ("x86_64-6.1", "0x3ff38000", "6.1")];
    for (name, root, _) in dumps {
        let Some(folder) = real(name) else { continue };
        let image = folder.join("tables-user.elf");
        let root = if name.starts_with("x86") { vec!["--root", root, "--half", "lower"] } else { vec!["--root", root] };
        let run = audit(arg(&image), &[&root[..], &["--json"]].concat()).exits(1);
        let document = run.document();
        let summary = &document["summary"];
        // Debian maps nothing of the test program to be written and executed; it maps one file twice.
        assert_eq!(
            (&summary["write_exec"], &summary["epoch"], &summary["broken_run"]),
            (&json!(0), &json!(0), &json!(0))
        );
        assert!(summary["alias"].as_u64().is_some_and(|aliases| aliases > 0), "{name}: {summary}");
    }
    // v6.1 read as v6.12: bit 58, its device memory, is dirty state then, and nothing is device memory.
    let Some(folder) = real("x86_64-6.1") else { return };
    let image = folder.join("tables-user.elf");
    let args = ["--root", "0x3ff38000", "--half", "lower", "--kernel", "6.12", "--json"];
    assert_eq!(audit(arg(&image), &args).exits(1).document()["summary"]["epoch"], 0);
}
