//! Exit codes 2 and 3: what is wrong with the arguments or the image, and the flag or the step that mends it.

use crate::image::{Files, HOLE, KERNEL_PAGE, PAGE, ROOT, kernel_core, user_memory};
use crate::support::core::{ByteOrder, CoreBuilder};
use crate::support::program::arg;
use crate::{ptwalk, ptwalk_with};

#[test]
fn wrong_arguments_exit_2_and_name_the_fix() {
    let files = Files::new();
    let image = files.user();
    let image = image.as_str();
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["Usage: ptwalk <COMMAND>"]),
        (&["wlk"], &["'walk'"]),
        (&["walk"], &["<IMAGE>"]),
        (&["walk", image], &["<VA>"]),
        (&["walk", image, PAGE, "--rot", ROOT], &["--root"]),
        (&["walk", image, PAGE, "--format", "xml"], &["text, json, jsonl, csv"]),
        (&["walk", image, PAGE, "--json", "--format", "csv"], &["--json", "--format"]),
        (&["walk", image, PAGE, "--config", "PAG_SHIFT=12"], &["did you mean PAGE_SHIFT?"]),
        (&["walk", image, PAGE, "--config", "VABITS=39"], &["did you mean VA_BITS?"]),
        (&["walk", image, PAGE, "--config", "CONFIG_NUMA_BALANCE=y"], &["did you mean NUMA_BALANCING?"]),
        (&["walk", image, PAGE, "--config", "PAGE_SHIFT"], &["KEY=VALUE"]),
        (&["walk", image, PAGE, "--config", "PAGE_SHIFT=20"], &["PAGE_SHIFT must lie in 12..=16"]),
        (&["walk", image, PAGE, "--kernel", "six"], &["6.12 and 5.3.1 are"]),
        (&["walk", image, PAGE, "--kernel", "1.0"], &["not a kernel version from 2.6"]),
        (&["walk", image, PAGE, "--kernel", "6.1.2.3"], &["6.12 and 5.3.1 are"]),
        (&["walk", image, PAGE, "--kernel", "6..1"], &["6.12 and 5.3.1 are"]),
        (&["walk", image, PAGE, "--half", "upper"], &["--root"]),
        (&["walk", image, PAGE, "--root", ROOT, "--half", "middle"], &["lower or upper"]),
        (&["walk", image, PAGE, "--root", "0x1008"], &["4096 bytes", "aligned"]),
        (&["walk", image, PAGE, "--root", "0x1000", "--root", "0x2000"], &["two roots for the lower half", "--half"]),
        (&["gup", image, PAGE, "1", "--root", "0x1000", "--root", "0x2000"], &["two roots for the lower half"]),
        (&["walk", image, "ffff800000000000", "--root", ROOT], &["not a number (0x1000"]),
        (&["walk", image, "0x10000000000000000", "--root", ROOT], &["64 bits"]),
        (&["dump", image, "--root", ROOT, "--range", "5"], &["A-B or A+N"]),
        (&["dump", image, "--root", ROOT, "--range", "5-5"], &["empty"]),
        (&["dump", image, "--root", ROOT, "--range", "5+0"], &["empty"]),
        (&["dump", image, "--root", ROOT, "--range", "0x1-0x10000000000000001"], &["64 bits"]),
        (&["dump", image, "--root", ROOT, "--range", "0xfffffffffffff000+8K"], &["beyond the last address"]),
        (&["dump", image, "--root", ROOT, "--range", "0xffff000000000000+4K"], &["lower", "--root"]),
        (&["gup", image], &["<START>", "<NR>"]),
        (&["gup", image, PAGE, "one"], &["not a number"]),
        (&["gup", image, PAGE, "16777217"], &["in parts"]),
        (&["gup", image, PAGE, "0xffffffffffffffff"], &["in parts"]),
        (&["gup", "--base", "0"], &["IMAGE"]),
        (&["gup", image, PAGE, "1", "--gup-epoch", "5.1"], &["v5.2"]),
        (&["gup", image, PAGE, "1", "--pgmap", "/nowhere.toml"], &["/nowhere.toml"]),
        (&["walk", image, PAGE, "--plugin", "arm46"], &["embedded plugins: arm64"]),
        (&["plugin", "run", "arm64", "pte_devmp", "0"], &["did you mean pte_devmap?"]),
        (&["plugin", "run", "arm64", "pte_devmap"], &["takes 1 argument, (param i64) (result i32); 0 given"]),
        (&["plugin", "run", "arm64", "pte_devmap", "0", "1"], &["2 given"]),
        (&["plugin", "run", "arm64", "pte_devmap", "0x"], &["not a number"]),
        (&["plugin", "inspect", "nowhere.wasm"], &["nowhere.wasm"]),
    ];
    for (args, texts) in cases {
        ptwalk(args).exits(2).says(texts).prints_nothing();
    }
}

#[test]
fn numbers_are_read_as_people_type_them() {
    let files = Files::new();
    let image = files.user();
    for (start, pages) in [("0x40_0000", "0x1"), ("4M", "1"), ("4194304", "1"), ("4096K", "0x0_1")] {
        ptwalk(&["gup", &image, start, pages, "--root", "4K"]).exits(0);
    }
    ptwalk(&["gup", &image, PAGE, "--write", "1", "--root", ROOT]).exits(0);
    // The kernel answers a request for no pages, or fewer, with none.
    for pages in ["0", "-1", "-0x10"] {
        let document = ptwalk(&["gup", &image, PAGE, "--root", ROOT, "--json", "--", pages]).document();
        assert_eq!(document["pinned"], 0, "{pages}");
    }
}

#[test]
fn a_range_may_end_where_the_address_space_ends() {
    let files = Files::new();
    let image = files.kernel();
    let whole = ptwalk(&["dump", &image]).exits(0).out;
    for range in ["0xffff000000000000-0x10000000000000000", "0xffff000000000000+256T", "0-16777216T"] {
        assert_eq!(ptwalk(&["dump", &image, "--range", range]).exits(0).out, whole, "{range}");
    }
}

#[test]
fn unreadable_images_exit_3_with_help() {
    let files = Files::new();
    let core = user_memory().core(ByteOrder::Little, 4096).build();
    let folder = files.path("folder");
    std::fs::create_dir(&folder).expect("a folder");
    let cases: &[(String, &str)] = &[
        ("/nowhere/vmcore".into(), "No such file"),
        (arg(&folder).into(), "is a directory"),
        (files.write("empty", b""), "empty"),
        (files.write("header", &core[..40]), "0x18 bytes too short for the ELF header"),
        (files.write("truncated", &core[..core.len() - 1]), "0x1 bytes too short"),
        (files.write("vmcore.zst", b"\x28\xb5\x2f\xfd more"), "zstd"),
        (files.write("vmcore.gz", b"\x1f\x8b more"), "gzip -d"),
        (files.write("text", b"hello, world, this is no image\n"), "--base"),
        ("/dev/null".into(), "character device"),
    ];
    for (image, text) in cases {
        for args in
            [&["info", image][..], &["probe", image], &["walk", image, "0"], &["dump", image], &["census", image]]
        {
            ptwalk(args).exits(3).says(&[text, image]).prints_nothing();
        }
        ptwalk(&["gup", image, "0", "1"]).exits(3).says(&[text, image]).prints_nothing();
    }
}

#[test]
fn what_the_image_leaves_open_exits_3_and_names_the_flag() {
    let files = Files::new();
    let image = files.user();
    ptwalk(&["probe", &image]).exits(1);
    for args in [&["walk", &image, PAGE][..], &["dump", &image], &["census", &image], &["gup", &image, PAGE, "1"]] {
        ptwalk(args).exits(3).says(&["--root PA"]).prints_nothing();
    }
    let kernel = files.kernel();
    ptwalk(&["walk", &kernel, "0x1000"]).exits(3).says(&["lower half", "--root PA --half lower"]).prints_nothing();
    ptwalk(&["gup", &kernel, "0x1000", "1"]).exits(3).says(&["user addresses", "--root PA"]).prints_nothing();
    ptwalk(&["walk", &image, KERNEL_PAGE, "--root", ROOT]).exits(3).says(&["upper half", "--half upper"]);

    let raw = files.write("raw", &user_memory().bytes(ByteOrder::Little, 4096).1);
    let on_raw = ["walk", &raw, PAGE, "--base", "0x1000", "--root", ROOT];
    ptwalk(&on_raw).exits(3).says(&["architecture", "--plugin", "arm64"]).prints_nothing();
    ptwalk(&[&on_raw[..], &["--plugin", "arm64"]].concat()).exits(0);

    // No plugin is embedded for it.
    const S390: u16 = 22;
    let other = files.write("s390.elf", &CoreBuilder::new(ByteOrder::Big, S390).load(0x1000, &[0; 4096]).build());
    for args in [&["walk", &other, PAGE, "--root", ROOT][..], &["dump", &other], &["census", &other]] {
        ptwalk(args).exits(3).says(&["--plugin"]).prints_nothing();
    }
    assert!(ptwalk(&["probe", &other]).exits(1).out.contains("--plugin"));

    // VMCOREINFO that points to no aligned table.
    let crooked = files.write("crooked.elf", &kernel_core(0xffff_8000_1000_0008).build());
    ptwalk(&["dump", &crooked]).exits(3).says(&["cannot be a root table", "--root PA"]).prints_nothing();
    ptwalk(&["walk", &crooked, KERNEL_PAGE, "--root", "0x10000", "--half", "upper"]).exits(0);
}

#[test]
fn done_with_a_negative_answer_exits_1() {
    let files = Files::new();
    let image = files.user();
    ptwalk(&["walk", &image, PAGE, "--root", ROOT]).exits(0);
    ptwalk(&["walk", &image, PAGE, HOLE, "--root", ROOT]).exits(1);
    ptwalk(&["gup", &image, PAGE, "2", "--root", ROOT]).exits(1);
    ptwalk_with(&["walk", &image, "-", "--root", ROOT], HOLE.as_bytes()).exits(1);
}

#[test]
fn a_problem_is_told_once() {
    let files = Files::new();
    let image = files.user();
    let run = ptwalk(&["walk", &image, PAGE, "--root", ROOT, "--config", "PAGE_SHIFT=13"]).exits(4);
    assert_eq!(run.err.matches("a pgd table of").count(), 1, "{}", run.err);
}

/// Every line under "Examples:" in the help of every verb, run as it stands where it needs no file of the user's.
#[test]
fn the_examples_in_the_help_work() {
    let verbs: [&[&str]; 18] = [
        &[],
        &["info"],
        &["probe"],
        &["walk"],
        &["dump"],
        &["diff"],
        &["gup"],
        &["explain"],
        &["zone"],
        &["census"],
        &["gen"],
        &["extract"],
        &["plugin"],
        &["plugin", "run"],
        &["plugin", "inspect"],
        &["plugin", "helpers"],
        &["plugin", "externs"],
        &["plugin", "list"],
    ];
    let files = Files::new();
    let mut ran = 0;
    let substitutes = [
        ("vmcore", files.kernel()),
        ("before.elf", files.kernel()),
        ("after.elf", files.kernel()),
        ("0x51c3a000", "0x11000".to_owned()),
        ("pmem.toml", files.pgmap()),
        ("./mine.wat", format!("{}/templates/arm64/plugin.wat", env!("CARGO_MANIFEST_DIR"))),
        ("0x4e9de000", "0x10000".to_owned()),
    ];
    for verb in verbs {
        let help = ptwalk(&[verb, &["--help"]].concat()).exits(0).out;
        assert!(help.contains("Usage: ptwalk"), "{help}");
        let examples = help.lines().filter_map(|line| line.strip_prefix("  ptwalk "));
        for example in examples {
            // The description stands two columns further on, the redirection is the shell's.
            let command = example.split("   ").next().and_then(|text| text.split(" < ").next()).unwrap_or(example);
            let command = command.split("  ").next().unwrap_or(command);
            let substitute = |word: &str| match substitutes.iter().find(|(name, _)| *name == word) {
                Some((_, path)) => path.clone(),
                None if word.ends_with(".ptimg") => arg(&files.path(word)).to_owned(),
                None => word.to_owned(),
            };
            let args: Vec<String> = command.split_whitespace().map(substitute).collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let run = ptwalk_with(&args, b"0x1\n");
            assert!(matches!(run.code, Some(0 | 1)), "`ptwalk {example}`: {:?} {}", run.code, run.err);
            ran += 1;
        }
    }
    assert!(ran >= 10, "{ran} examples");
}

/// The TOML in the help of gup is a file that gup reads.
#[test]
fn the_pgmap_file_in_the_help_is_read() {
    let help = ptwalk(&["gup", "--help"]).exits(0).out;
    let at = help.find("  [[pgmap]]").expect("an example");
    let files = Files::new();
    let (image, pgmap) = (files.user(), files.write("help.toml", &help.as_bytes()[at..]));
    ptwalk(&["gup", &image, crate::image::DEVICE, "1", "--root", ROOT, "--pgmap", &pgmap]).exits(0);
}

/// Registers are written with a sign, or as the bits they are.
#[test]
fn registers_are_read_with_a_sign_or_as_bits() {
    // Key 2 (bits 62:59) and a page that user mode may write.
    let entry = "0x9000000123456067";
    let permitted = |pkru: &str| {
        let config = format!("PKRU={pkru}");
        ptwalk(&["plugin", "run", "x86", "pte_access_permitted", entry, "1", "--config", &config]).exits(0).out
    };
    for (pkru, permits) in [
        ("0", true),
        ("-1", false),
        ("0xffff_ffff", false),
        ("4294967295", false),
        ("-0x80000000", true),
        ("-2_147_483_648", true),
        ("0x20", false),
        ("0x8000_0000", true),
    ] {
        assert_eq!(permitted(pkru).trim_end().ends_with("= 1"), permits, "PKRU={pkru}: {}", permitted(pkru));
    }
    for (config, said) in [
        ("PKRU=4294967296", "too large"),
        ("PKRU=-2147483649", "too large"),
        ("PKRU=--1", "not a number"),
        ("PAGE_SHIFT=-12", "must lie in 12..=16"),
        ("PAGE_SHIFT=0xffffffff", "too large"),
    ] {
        ptwalk(&["plugin", "run", "x86", "pte_none", "0", "--config", config]).exits(2).says(&[said]);
    }
}

/// Whose entries and whose GUP are two questions, and answering them differently is said.
#[test]
fn gup_of_another_kernel_than_the_entries_is_said() {
    let files = Files::new();
    let image = files.user();
    let gup = |more: &[&str]| ptwalk(&[&["gup", &image, PAGE, "1", "--root", ROOT], more].concat()).exits(0).err;
    let said = "the entries are read as of v6.12, but GUP is that of v5.3; --gup-epoch 6.6 does as that kernel";
    assert!(gup(&["--kernel", "6.12"]).contains(said), "{}", gup(&["--kernel", "6.12"]));
    for same in [&["--kernel", "5.3"][..], &["--kernel", "6.12", "--gup-epoch", "6.12"], &["--kernel", "6.12", "-q"]] {
        assert!(!gup(same).contains("GUP is that of"), "{same:?}");
    }
    let explain = ["explain", &image, PAGE, "--access", "r", "--el", "0", "--root", ROOT, "--kernel", "6.1"];
    assert!(ptwalk(&explain).exits(0).err.contains("GUP is that of v5.3; --gup-epoch 6.1 "));
}
