//! The JSON documents: keys and types of every verb, and that the other forms agree with them.

use serde_json::Value;

use crate::image::{
    BAD, BLOCK, CYCLE, DEVICE, Files, HOLE, KERNEL_PAGE, NOWHERE, OUTSIDE, PAGE, PROTNONE, ROOT, SWAPPED,
};
use crate::support::core::{ByteOrder, CoreBuilder};
use crate::{ptwalk, ptwalk_with};

const ATTRS: [&str; 9] = ["write", "user", "exec", "young", "dirty", "special", "devmap", "protnone", "cont"];
const EFFECTIVE: [&str; 4] = ["read", "write", "exec", "user"];

/// Type of a value in the interface.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Hex,
    Count,
    Bool,
    Text,
    List,
    Null,
    Attrs,
    Effective,
    Object,
}
use Kind::{Attrs, Bool, Count, Effective, Hex, List, Null, Object, Text};

fn is(value: &Value, kind: Kind) -> bool {
    match kind {
        Hex => value.as_str().and_then(|text| text.strip_prefix("0x")).is_some_and(|digits| {
            let canonical = digits == "0" || !digits.starts_with('0');
            canonical && !digits.is_empty() && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
        }),
        Count => value.is_u64(),
        Bool => value.is_boolean(),
        Text => value.is_string(),
        List => value.is_array(),
        Null => value.is_null(),
        Attrs => has_booleans(value, &ATTRS),
        Effective => has_booleans(value, &EFFECTIVE),
        Object => value.is_object(),
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn has_booleans(value: &Value, names: &[&str]) -> bool {
    let mut names = names.to_vec();
    names.sort_unstable();
    keys(value) == names && names.iter().all(|name| value[name].is_boolean())
}

/// Checks that an object has exactly these keys with values of these types.
#[track_caller]
fn has_exactly(value: &Value, fields: &[(&str, Kind)]) {
    let mut wanted: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    wanted.sort_unstable();
    assert_eq!(keys(value), wanted, "{value}");
    for (name, kind) in fields {
        assert!(is(&value[name], *kind), "{name} is no {kind:?}: {}", value[name]);
    }
}

#[track_caller]
fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn check_walk(walk: &Value) {
    let mapped = walk["mapped"] == true;
    let or_null = |kind| if mapped { kind } else { Null };
    let mut fields = vec![
        ("va", Hex),
        ("mapped", Bool),
        ("present", Bool),
        ("level", or_null(Text)),
        ("size", or_null(Count)),
        ("pa", or_null(Hex)),
        ("pfn", or_null(Hex)),
        ("raw", or_null(Hex)),
        ("attrs", or_null(Attrs)),
        ("effective", or_null(Effective)),
        ("trail", List),
    ];
    if !mapped {
        fields.push(("stop", Object));
    }
    has_exactly(walk, &fields);
    for passed in list(&walk["trail"]) {
        has_exactly(passed, &[("level", Text), ("table", Hex), ("index", Count), ("entry", Hex), ("raw", Hex)]);
    }
}

#[test]
fn walk_has_the_keys_of_the_contract_for_every_outcome() {
    let files = Files::new();
    let addresses = [PAGE, PROTNONE, SWAPPED, HOLE, DEVICE, BLOCK, OUTSIDE, BAD, CYCLE, NOWHERE];
    let image = files.user();
    let mut args = vec!["walk", &image, "--root", ROOT, "--json"];
    args.extend(addresses);
    let document = ptwalk(&args).exits(1).document();
    has_exactly(&document, &[("schema", Text), ("complete", Bool), ("walks", List)]);
    assert_eq!(document["complete"], true);
    let walks = list(&document["walks"]);
    assert_eq!(walks.len(), addresses.len());
    for (walk, address) in walks.iter().zip(addresses) {
        check_walk(walk);
        assert_eq!(walk["va"], address);
    }

    let page = &walks[0];
    for (key, value) in [("level", "pte"), ("pa", "0x80000000"), ("pfn", "0x80000"), ("raw", "0xe8000080000f53")] {
        assert_eq!(page[key], value, "{key}");
    }
    assert_eq!((&page["size"], &page["present"]), (&4096.into(), &true.into()));
    assert_eq!(page["attrs"]["write"], true);
    assert_eq!(page["effective"], serde_json::json!({ "read": true, "write": true, "exec": false, "user": true }));
    let trail: Vec<_> = list(&page["trail"]).iter().map(|passed| passed["entry"].as_str()).collect();
    assert_eq!(trail, [Some("0x1000"), Some("0x2000"), Some("0x3010"), Some("0x4000")]);

    let protnone = &walks[1];
    assert_eq!([&protnone["mapped"], &protnone["present"]], [&Value::Bool(true); 2]);
    assert_eq!((&protnone["attrs"]["protnone"], &protnone["pfn"]), (&true.into(), &"0x80001".into()));
    assert_eq!(protnone["effective"]["read"], false);

    assert_eq!(walks[4]["attrs"]["devmap"], true);
    assert_eq!((&walks[5]["level"], &walks[5]["size"]), (&"pmd".into(), &(2 << 20).into()));

    // Reason, level and raw of the stop; length of the trail; present.
    let stops = [
        (2, "swap", Some("pte"), Some("0x504"), 4, false),
        (3, "none", Some("pte"), Some("0x0"), 4, false),
        (6, "outside_image", Some("pte"), None, 3, false),
        (7, "bad", Some("pgd"), Some("0x5001"), 1, true),
        (8, "cycle", Some("pgd"), Some("0x1003"), 1, true),
        (9, "not_canonical", None, None, 0, false),
    ];
    for (i, reason, level, raw, passed, present) in stops {
        let stop = &walks[i]["stop"];
        let found = (stop["reason"].as_str(), stop["level"].as_str(), stop["raw"].as_str());
        assert_eq!(found, (Some(reason), level, raw), "{}", addresses[i]);
        assert_eq!(list(&walks[i]["trail"]).len(), passed, "{}", addresses[i]);
        assert_eq!(walks[i]["present"], present, "{}", addresses[i]);
    }
    assert_eq!(walks[2]["stop"]["swap"], serde_json::json!({ "type": 1, "offset": 5 }));
}

#[test]
fn walk_and_its_aliases_in_every_form() {
    let files = Files::new();
    let image = files.user();
    let text = ptwalk(&["walk", &image, PAGE, "--root", ROOT]).exits(0);
    assert!(text.out.starts_with("0x0000000000400000 -> 0x0000000080000000  pte 4K rw-"), "{}", text.out);
    assert!(text.out.contains("\n  pmd 0x0000000000003000[  2] = 0x0000000000004003\n"), "{}", text.out);
    for alias in ["vtop", "v2p"] {
        assert_eq!(ptwalk(&[alias, &image, PAGE, "--root", ROOT]).exits(0).out, text.out, "{alias}");
    }
    let lines = ptwalk(&["walk", &image, PAGE, HOLE, "--root", ROOT, "--format", "jsonl"]).exits(1).lines();
    assert_eq!(lines.len(), 2);
    lines.iter().for_each(check_walk);
    let csv = ptwalk(&["walk", &image, PAGE, HOLE, "--root", ROOT, "--format", "csv"]).exits(1).out;
    let wanted = "va,pa,level,raw,stop\n0x400000,0x80000000,pte,0xe8000080000f53,\n0x403000,,pte,0x0,none\n";
    assert_eq!(csv, wanted);
    // An address with a tag is translated as the address without.
    let tagged = ptwalk(&["walk", &image, "0x5a00000000400000", "--root", ROOT, "--json"]).exits(0).document();
    assert_eq!(tagged["walks"][0]["pa"], "0x80000000");
}

const RECORD: [(&str, Kind); 10] = [
    ("start", Hex),
    ("end", Hex),
    ("pa", Hex),
    ("pfn", Hex),
    ("level", Text),
    ("size", Count),
    ("raw", Hex),
    ("attrs", Attrs),
    ("effective", Effective),
    ("count", Count),
];

const PROBLEM: [(&str, Kind); 7] =
    [("reason", Text), ("start", Hex), ("end", Hex), ("level", Text), ("table", Hex), ("index", Count), ("raw", Hex)];

fn check_summary(summary: &Value) {
    let fields = [("entries", Count), ("tables", Count), ("pages", Count), ("bytes", Count), ("complete", Bool)];
    let mut fields = fields.to_vec();
    if summary["complete"] == false {
        fields.push(("reason", Text));
    }
    has_exactly(summary, &fields);
}

#[test]
fn dump_has_the_keys_of_the_contract_and_ends_with_its_summary() {
    let files = Files::new();
    let image = files.user();
    let run =
        ptwalk(&["dump", &image, "--root", ROOT, "--format", "jsonl"]).exits(0).says(&["incomplete", "and 1 more"]);
    let lines = run.lines();
    let (last, records) = lines.split_last().expect("a summary");
    has_exactly(last, &[("summary", Object)]);
    let summary = &last["summary"];
    check_summary(summary);
    // Three pages and a block. The table outside the image counts as one that an entry leads to.
    let found = ["entries", "tables", "pages", "bytes"].map(|key| summary[key].as_u64());
    assert_eq!(found, [Some(4), Some(5), Some(3 + 512), Some((3 << 12) + (2 << 20))]);
    assert_eq!((&summary["complete"], &summary["reason"]), (&false.into(), &"outside_image".into()));
    let (problems, mappings): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.get("problem").is_some());
    mappings.iter().for_each(|record| has_exactly(record, &RECORD));
    problems.iter().for_each(|record| has_exactly(&record["problem"], &PROBLEM));
    let reasons: Vec<_> = problems.iter().map(|record| record["problem"]["reason"].as_str()).collect();
    assert_eq!(reasons, [Some("outside_image"), Some("bad"), Some("cycle")]);

    let json = ptwalk(&["ptdump", &image, "--root", ROOT, "--json"]).exits(0).document();
    let fields = [("schema", Text), ("mappings", List), ("complete", Bool), ("reason", Text), ("summary", Object)];
    has_exactly(&json, &fields);
    assert_eq!(list(&json["mappings"]), records);
    assert_eq!(&json["summary"], summary);

    let whole = ptwalk(&["dump", &image, "--root", ROOT, "--range", "4M+20K", "--format", "jsonl"]).exits(0).lines();
    assert_eq!(whole.last().map(|last| &last["summary"]["complete"]), Some(&Value::Bool(true)));
}

#[test]
fn dump_merges_and_prints_for_people_and_spreadsheets() {
    let files = Files::new();
    let image = files.user();
    let text = ptwalk(&["dump", &image, "--root", ROOT, "--range", "0x400000-0x800000"]).exits(0).out;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].starts_with("0x0000000000400000-0x0000000000401000      4K pte 0x0000000080000000 rw-"), "{text}");
    assert!(lines[1].contains("--- ") && lines[1].contains("protnone"), "{text}");
    assert_eq!(lines[4], "4 leaves, 515 pages, 2060K mapped, 4 tables");
    let csv = ptwalk(&["dump", &image, "--root", ROOT, "--range", "0x400000+4K", "--format", "csv"]).exits(0).out;
    let wanted = "start,end,pa,pfn,level,size,raw,count,write,user,exec,young,dirty,special,devmap,protnone,cont\n\
                  0x400000,0x401000,0x80000000,0x80000,pte,4096,0xe8000080000f53,1,1,1,0,1,1,0,0,0,0\n";
    assert_eq!(csv, wanted);

    // A range inside the block: the record is the part, the size is the block's.
    let part = ptwalk(&["dump", &image, "--root", ROOT, "--range", "0x601000+8K", "--format", "jsonl"]).exits(0);
    let part = &part.lines()[0];
    let found = ["start", "end", "pa", "pfn"].map(|key| part[key].as_str());
    assert_eq!(found, [Some("0x601000"), Some("0x603000"), Some("0x90001000"), Some("0x90001")]);
    assert_eq!(part["size"], 2 << 20);
}

#[test]
fn gup_has_the_keys_of_the_contract() {
    let files = Files::new();
    let (image, pgmap) = (files.user(), files.pgmap());
    let fields = [
        ("schema", Text),
        ("requested", Count),
        ("pinned", Count),
        ("pages", List),
        ("stop", Object),
        ("epoch", Text),
        ("gup_kernel", Text),
        ("flags", Object),
        ("complete", Bool),
    ];
    let with_errno = |kind| [&fields[..], &[("errno", kind)]].concat();
    let run = ptwalk(&["gup", &image, DEVICE, "1", "--root", ROOT, "--pgmap", &pgmap, "--json"]).exits(0);
    let document = run.document();
    has_exactly(&document, &with_errno(Null));
    has_exactly(&document["flags"], &[("names", List), ("word", Hex)]);
    let page = &document["pages"][0];
    has_exactly(page, &[("va", Hex), ("pfn", Hex), ("level", Text), ("devmap", Bool), ("pgmap", Text)]);
    assert_eq!((&page["pfn"], &page["devmap"], &page["pgmap"]), (&"0x70000".into(), &true.into(), &"fs-dax".into()));
    has_exactly(&document["stop"], &[("va", Hex), ("level", Null), ("raw", Null), ("reason", Text)]);
    assert_eq!((&document["stop"]["reason"], &document["epoch"]), (&"complete".into(), &"5.3".into()));

    // (first address, flags, pinned, reason, level)
    let stops = [
        (PAGE, "", 1, "protnone", Some("pte")),
        (SWAPPED, "", 0, "not_permitted", Some("pte")),
        (HOLE, "", 0, "none", Some("pte")),
        (DEVICE, "", 0, "no_pgmap", Some("pte")),
        (DEVICE, "--longterm", 0, "longterm_devmap", Some("pte")),
        (OUTSIDE, "", 0, "outside_image", Some("pte")),
        (NOWHERE, "", 0, "access_ok", None),
    ];
    for (va, flag, pinned, reason, level) in stops {
        let mut args = vec!["gup", &image, va, "4", "--root", ROOT, "--format", "jsonl"];
        args.extend(Some(flag).filter(|flag| !flag.is_empty()));
        let lines = ptwalk(&args).exits(1).lines();
        assert_eq!(lines.len(), 1, "{va}: one document on one line");
        has_exactly(&lines[0], &with_errno(if va == NOWHERE { Text } else { Null }));
        let reason = if va == SWAPPED { "not_present" } else { reason };
        let stop = &lines[0]["stop"];
        let found = (lines[0]["pinned"].as_u64(), stop["reason"].as_str(), stop["level"].as_str());
        assert_eq!(found, (Some(pinned), Some(reason), level), "{va} {flag}");
    }
    let csv = ptwalk(&["gup", &image, PAGE, "1", "--root", ROOT, "--write", "--format", "csv"]).exits(0).out;
    assert_eq!(csv, "va,pfn,level,pgmap\n0x400000,0x80000,pte,\n");
    let text = ptwalk(&["gup", &image, PAGE, "2", "--root", ROOT]).exits(1).out;
    assert!(text.contains("1 of 2 pages pinned") && text.contains("PROT_NONE"), "{text}");
}

#[test]
fn gup_without_arguments_runs_over_the_sample() {
    let text = ptwalk(&["gup"]).exits(0).out;
    assert!(text.contains("A process of Linux 6.12.95 on arm64"), "{text}");
    let document = ptwalk(&["gup", "--json"]).exits(0).document();
    let pinned = document["pinned"].as_u64().expect("a count");
    assert!(text.contains(&format!("\n{pinned} pages pinned, ")), "{text}");
    assert_eq!(list(&document["pages"]).len() as u64, pinned);
    assert!(list(&document["calls"]).len() > 20);
    assert_eq!(ptwalk(&["gup", "--format", "jsonl"]).exits(0).lines(), [document]);
}

#[test]
fn census_counts_by_level_attribute_and_device() {
    let files = Files::new();
    let (image, pgmap) = (files.user(), files.pgmap());
    let document = ptwalk(&["census", &image, "--root", ROOT, "--pgmap", &pgmap, "--json"]).exits(0).document();
    has_exactly(&document, &[("schema", Text), ("complete", Bool), ("roots", List)]);
    assert_eq!(document["complete"], false, "a table is missing");
    let census = &document["roots"][0]["census"];
    let pte = &census["levels"]["pte"];
    // The table outside the image counts as one that an entry leads to.
    assert_eq!((&pte["tables"], &pte["leaves"]["entries"], &pte["not_present"]), (&2.into(), &3.into(), &1.into()));
    assert_eq!(census["levels"]["pmd"]["leaves"]["bytes"], 2 << 20);
    assert_eq!(pte["attrs"]["devmap"]["entries"], 1);
    assert_eq!(census["devices"]["fs-dax"]["entries"], 1);
    assert_eq!(census["problems"], serde_json::json!({ "bad": 1, "cycle": 1, "outside_image": 1 }));
    let text = ptwalk(&["census", &image, "--root", ROOT]).exits(0).out;
    assert!(text.contains("devmap in no registered range: 1 leaves, 4K (--pgmap"), "{text}");
    let csv = ptwalk(&["census", &image, "--root", ROOT, "--format", "csv"]).exits(0).out;
    assert!(csv.starts_with("root,half,level,attribute,entries,bytes\n0x1000,lower,pgd,all,0,0\n"), "{csv}");
}

#[test]
fn info_shows_segments_notes_and_vmcoreinfo() {
    let files = Files::new();
    let image = files.kernel();
    let document = ptwalk(&["info", &image, "--json"]).exits(0).document();
    let fields = [
        ("schema", Text),
        ("image", Text),
        ("format", Text),
        ("file_bytes", Count),
        ("held_bytes", Count),
        ("segments", List),
        ("notes", List),
        ("vmcoreinfo", Object),
        ("tables", Null),
    ];
    has_exactly(&document, &fields);
    for segment in list(&document["segments"]) {
        has_exactly(segment, &[("pa", Hex), ("end", Hex), ("bytes", Count), ("file_offset", Hex)]);
    }
    has_exactly(&document["notes"][0], &[("owner", Text), ("type", Count), ("bytes", Count), ("file_offset", Hex)]);
    assert_eq!(document["vmcoreinfo"]["PAGESIZE"], "4096");
    assert_eq!(document["held_bytes"], 4 * 4096);
    let text = ptwalk(&["info", &image]).exits(0).out;
    assert!(text.contains("OSRELEASE=6.1.0-50-arm64") && text.contains("16K in"), "{text}");
    let csv = ptwalk(&["info", &image, "--format", "csv"]).exits(0).out;
    assert!(csv.starts_with("pa,end,bytes,file_offset\n0x10000,"), "{csv}");
}

#[test]
fn probe_finds_the_kernel_root_and_walk_uses_it() {
    let files = Files::new();
    let image = files.kernel();
    let document = ptwalk(&["probe", &image, "--json"]).exits(0).document();
    let fields = [
        ("schema", Text),
        ("arch", Text),
        ("release", Text),
        ("config", List),
        ("roots", List),
        ("unknown", List),
        ("doubts", List),
        ("no_roots", List),
    ];
    has_exactly(&document, &fields);
    let fields = [("pa", Hex), ("half", Text), ("name", Text), ("evidence", Text), ("held", Bool)];
    has_exactly(&document["roots"][0], &fields);
    assert_eq!((&document["roots"][0]["pa"], &document["roots"][0]["half"]), (&"0x10000".into(), &"upper".into()));
    for finding in list(&document["config"]) {
        has_exactly(finding, &[("key", Text), ("value", Count), ("shown", Text), ("evidence", Text)]);
    }
    let text = ptwalk(&["probe", &image]).exits(0).out;
    assert!(text.contains("root 0x0000000000010000 (upper half) swapper_pg_dir"), "{text}");
    let csv = ptwalk(&["probe", &image, "--format", "csv"]).exits(0).out;
    assert!(csv.starts_with("kind,name,value,evidence\narchitecture,,arm64,ELF e_machine\n"), "{csv}");

    let walk = ptwalk(&["walk", &image, KERNEL_PAGE]).exits(0).says(&["6.1 (from VMCOREINFO)", "swapper_pg_dir"]);
    assert!(walk.out.contains("-> 0x0000000043195000"), "{}", walk.out);
    let quiet = ptwalk(&["walk", &image, KERNEL_PAGE, "-q"]).exits(0);
    assert_eq!((quiet.out, quiet.err.as_str()), (walk.out, ""));
    ptwalk(&["walk", &image, KERNEL_PAGE, "-v"]).exits(0).says(&["PAGE_SHIFT=12,VA_BITS=48", "does not say: root"]);
}

#[test]
fn entries_and_releases_of_another_kernel_version_are_told() {
    let files = Files::new();
    // One address space of x86_64, tables at 0x1000 to 0x4000, with a page that v6.6 has saved as dirty and read-only.
    let mut tables = vec![0; 0x4000];
    let words = [(0, 0x2067), (0x1000, 0x3067), (0x2000, 0x4067), (0x3000, 0x9000 | 1 << 58 | 0x25)];
    for (at, word) in words {
        tables[at..at + 8].copy_from_slice(&u64::to_le_bytes(word));
    }
    let mut cpu = vec![0; 440];
    for (at, value) in [(0, 1), (152, 0x33), (392, 0x8000_0000), (416, 0x1000)] {
        cpu[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
    }
    const X86_64: u16 = 62;
    let core = CoreBuilder::new(ByteOrder::Little, X86_64).load(0x1000, &tables).note("QEMU", 0, &cpu);
    let silent = files.write("silent.elf", &core.build());
    let probe = ptwalk(&["probe", &silent]).exits(0);
    assert!(probe.out.contains("doubt: 1 ptes are device memory but not special, the first 0x0400000000009025"));
    let document = ptwalk(&["probe", &silent, "--json"]).exits(0).document();
    assert_eq!(list(&document["doubts"]).len(), 1);

    let core = CoreBuilder::new(ByteOrder::Little, X86_64).load(0x1000, &tables).note("QEMU", 0, &cpu);
    let core = core.note("VMCOREINFO", 0, b"OSRELEASE=6.8.0-45-generic\nPAGESIZE=4096\nNUMBER(pgtable_l5_enabled)=0\n");
    let told = files.write("told.elf", &core.build());
    assert!(!ptwalk(&["probe", &told]).exits(0).out.contains("doubt"));
    ptwalk(&["census", &told, "--kernel", "5.3"])
        .exits(0)
        .says(&["kernel 5.3 is asked for", "OSRELEASE=6.8.0-45-generic"]);
    assert!(ptwalk(&["census", &told, "--kernel", "6.8"]).exits(0).err.lines().all(|line| !line.contains("asked for")));
}

#[test]
fn plugin_run_has_the_keys_of_the_contract() {
    let run = ptwalk(&["plugin", "run", "arm64", "pte_devmap", "0x02e8000448800f53", "--json"]).exits(0);
    let document = run.document();
    let fields = [("schema", Text), ("plugin", Text), ("engine", Text), ("calls", List), ("complete", Bool)];
    has_exactly(&document, &fields);
    let call = &document["calls"][0];
    has_exactly(call, &[("helper", Text), ("args", List), ("result", Hex)]);
    assert_eq!(call["args"], serde_json::json!(["0x2e8000448800f53"]));
    assert_eq!((&call["helper"], &call["result"]), (&"pte_devmap".into(), &"0x1".into()));

    let stdin = b"0x0060000080000fd3 1\n\n0x0060000080000fd3,0\n";
    let run =
        ptwalk_with(&["plugin", "run", "arm64", "pte_access_permitted", "-", "--format", "jsonl"], stdin).exits(0);
    let results: Vec<_> = run.lines().iter().map(|call| call["result"].clone()).collect();
    assert_eq!(results, ["0x0", "0x1"]);
    let csv = ptwalk_with(&["plugin", "run", "arm64", "pte_access_permitted", "-", "--format", "csv"], stdin).exits(0);
    assert!(
        csv.out.starts_with("helper,arg0,arg1,result\npte_access_permitted,0x60000080000fd3,0x1,0x0\n"),
        "{}",
        csv.out
    );
    // An address is an address also where the helper takes no arguments.
    let text = ptwalk(&["plugin", "run", "arm64", "UPPER_HALF_START"]).exits(0).out;
    assert_eq!(text, "UPPER_HALF_START() = 0xffff000000000000\n");
    assert_eq!(ptwalk(&["plugin", "run", "arm64", "PTRS_PER_PTE"]).exits(0).out, "PTRS_PER_PTE() = 512\n");
    let options_last = ["plugin", "run", "arm64", "pte_devmap", "0", "--kernel", "6.12", "--format", "csv"];
    assert_eq!(ptwalk(&options_last).exits(0).out, "helper,arg0,result\npte_devmap,0x0,0x0\n");
}

#[test]
fn plugin_lists_in_every_form() {
    for (verb, list_key, first, header) in [
        ("helpers", "helpers", "pte_none", "name,signature,doc"),
        ("externs", "externs", "PAGE_SHIFT", "name,default,doc"),
    ] {
        let document = ptwalk(&["plugin", verb, "--json"]).exits(0).document();
        let keys: Vec<&str> = header.split(',').collect();
        for row in list(&document[list_key]) {
            has_exactly(row, &keys.iter().map(|key| (*key, Text)).collect::<Vec<_>>());
        }
        assert_eq!(document[list_key][0]["name"], first);
        assert!(ptwalk(&["plugin", verb]).exits(0).out.starts_with(first));
        let csv = ptwalk(&["plugin", verb, "--format", "csv"]).exits(0).out;
        assert!(csv.starts_with(&format!("{header}\n{first},")), "{csv}");
        assert_eq!(csv.lines().count(), list(&document[list_key]).len() + 1);
    }
    // No plugins but the embedded ones, whatever this machine has installed.
    let embedded = |format| ptwalk(&["plugin", "list", "--dir", "/nonexistent", "--format", format]).exits(0);
    let document = embedded("json").document();
    let fields = [
        ("name", Text),
        ("about", Text),
        ("sha256", Text),
        ("version", Text),
        ("abi", Count),
        ("arch", Text),
        ("kernel", Text),
        ("verdict", Text),
        ("reasons", List),
        ("embedded", Bool),
        ("path", Null),
        ("shadowed", Bool),
    ];
    list(&document["plugins"]).iter().for_each(|plugin| has_exactly(plugin, &fields));
    let csv = embedded("csv").out;
    assert!(csv.starts_with("name,about,sha256,version,abi,verdict,from,kernel,arch\narm64,"), "{csv}");
    assert_eq!(csv.lines().count(), list(&document["plugins"]).len() + 1);
    assert!(embedded("text").out.contains("\narm64  0.1.0    1    verified  "), "{}", embedded("text").out);

    // A signature has a comma in it.
    let csv = ptwalk(&["plugin", "externs", "--format", "csv"]).exits(0).out;
    assert!(csv.contains("PGTABLE_LEVELS,4,levels of table; derived"), "{csv}");
    assert!(csv.contains("POR_EL0,2004318071,\"low half of POR_EL0, the"), "{csv}");

    let document = ptwalk(&["plugin", "inspect", "arm64", "--json"]).exits(0).document();
    let fields = [
        ("schema", Text),
        ("plugin", Text),
        ("sha256", Text),
        ("abi", Count),
        ("manifest", Object),
        ("sizes", Object),
        ("imports", List),
        ("exports", List),
        ("ignored", List),
        ("warnings", List),
        ("config", Object),
        ("verdict", Text),
        ("forms", Object),
        ("layout", Object),
    ];
    has_exactly(&document, &fields);
    let text = ptwalk(&["plugin", "inspect", "arm64"]).exits(0).out;
    assert!(text.contains("pte_mkdevmap(x) = x | 1<<57 | 1<<56 "), "{text}");
    let csv = ptwalk(&["plugin", "inspect", "arm64", "--format", "csv"]).exits(0).out;
    assert_eq!(csv.lines().count(), list(&document["exports"]).len() + 1);
}
