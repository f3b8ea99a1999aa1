//! ppc64 end to end: hand-made images, walked with what they say of themselves. Headers are little-endian (ppc64le) or
//! big-endian, entries big-endian in both; tables are fragments of pages; behind the entries of hash's tables lies what
//! is none.

use serde_json::{Value, json};

use crate::image::Files;
use crate::ptwalk;
use crate::support::core::{ByteOrder, CoreBuilder};
use crate::support::{Memory, PPC64};

const USER_ROOT: &str = "0x200000";
/// PRESENT, leaf, ACCESSED, DIRTY, READ, WRITE.
const PAGE: u64 = 0xc000_0000_0000_0186;
/// The same for the kernel alone.
const KERNEL_PAGE: u64 = 0xc000_0000_0000_018e;
/// Present and pointing to a table.
const TABLE: u64 = 1 << 63;

/// Radix with 64K: a process at 0x200000, the kernel's linear map and vmalloc at 0x600000.
fn radix_64k() -> Memory {
    let mut memory = Memory::default();
    for (pa, word) in [
        (0x20_0000, TABLE | 0x30_0000 | 9),
        (0x20_0008, TABLE | 0x7000_0000 | 9), // a table that the image does not hold
        (0x20_0010, TABLE | 0x30_0000 | 9 | 0xe0),
        (0x30_0000, TABLE | 0x30_1000 | 9),
        (0x30_1000, TABLE | 0x40_0800 | 5),
        (0x30_1008, PAGE | 0x2000_0000),
        (0x40_0000, PAGE | 0xbad0_0000),
        (0x40_0800, PAGE | 0x1000_0000),
        (0x40_0808, 0xc000_0000_1001_0108), // PROT_NONE
        (0x40_0810, 1 << 62 | 5 << 16 | 1), // swapped out: type 1, offset 5
        (0x40_0820, PAGE | 0x1004_0000 | 1 << 11 | 1 << 10),
        (0x40_08f8, PAGE | 0x101f_0000),
        (0x40_0900, PAGE | 0xbad1_0000),
        (0x60_0000, TABLE | 0x61_0000 | 9),
        (0x60_8000, TABLE | 0x61_1000 | 9),
        (0x61_0000, KERNEL_PAGE),
        (0x61_1000, TABLE | 0x61_2000 | 9),
        (0x61_2000, TABLE | 0x61_3100 | 5),
        (0x61_3100, KERNEL_PAGE | 0x4321_0000),
    ] {
        memory.store(pa, word);
    }
    memory
}

fn core(memory: &Memory, headers: ByteOrder, page_bytes: u64, info: &str) -> CoreBuilder {
    let core = memory.load_into(CoreBuilder::new(headers, PPC64), ByteOrder::Big, page_bytes);
    if info.is_empty() { core } else { core.note("VMCOREINFO", 0, info.as_bytes()) }
}

const INFO_64K: &str = "OSRELEASE=6.12.0-4-powerpc64le\nPAGESIZE=65536\nSYMBOL(swapper_pg_dir)=c000000000600000\n\
                        NUMBER(MAX_PHYSMEM_BITS)=51\nNUMBER(RADIX_MMU)=1\nKERNELOFFSET=0\n";

fn radix_image(files: &Files, headers: ByteOrder) -> String {
    files.write("radix.elf", &core(&radix_64k(), headers, 0x1_0000, INFO_64K).build())
}

fn walk(image: &str, va: &str, more: &[&str]) -> Value {
    let args = [&["walk", image, va, "--json"], more].concat();
    ptwalk(&args).document()["walks"][0].clone()
}

#[test]
fn a_radix_image_is_walked_with_nothing_but_a_root() {
    let files = Files::new();
    for headers in [ByteOrder::Little, ByteOrder::Big] {
        let image = radix_image(&files, headers);
        let user = |va: &str| walk(&image, va, &["--root", USER_ROOT]);
        let page = user("0x1f1234");
        assert_eq!(
            (&page["pa"], &page["level"], &page["size"]),
            (&json!("0x101f1234"), &json!("pte"), &json!(0x1_0000))
        );
        assert_eq!(page["effective"], json!({ "read": true, "write": true, "exec": false, "user": true }));
        let entries: Vec<&str> =
            page["trail"].as_array().expect("a list").iter().filter_map(|p| p["entry"].as_str()).collect();
        assert_eq!(entries, ["0x200000", "0x300000", "0x301000", "0x4008f8"]);

        let huge = user("0x3fffff");
        assert_eq!(
            (&huge["pa"], &huge["level"], &huge["size"]),
            (&json!("0x201fffff"), &json!("pmd"), &json!(2 << 20))
        );
        let protnone = user("0x10000");
        assert_eq!((&protnone["attrs"]["protnone"], &protnone["effective"]["read"]), (&json!(true), &json!(false)));
        let swapped = user("0x20000");
        assert_eq!(swapped["stop"]["swap"], json!({ "type": 1, "offset": 5 }));
        assert_eq!(user("0x30000")["stop"]["reason"], "none");
        let device = user("0x40000");
        assert_eq!((&device["attrs"]["devmap"], &device["attrs"]["special"]), (&json!(true), &json!(true)));
        assert_eq!(user("0x8000000000")["stop"]["reason"], "outside_image");
        assert_eq!(user("0x10000000000")["stop"]["reason"], "bad");
        assert_eq!(user("0x4000000000000000")["stop"]["reason"], "not_canonical");
    }
}

#[test]
fn the_kernels_half_is_walked_from_what_vmcoreinfo_says() {
    let files = Files::new();
    let image = radix_image(&files, ByteOrder::Little);
    let linear = walk(&image, "0xc000000012345678", &[]);
    assert_eq!(
        (&linear["pa"], &linear["level"], &linear["size"]),
        (&json!("0x12345678"), &json!("pud"), &json!(1 << 30))
    );
    assert_eq!(linear["effective"], json!({ "read": true, "write": true, "exec": false, "user": false }));
    let vmalloc = walk(&image, "0xc008000000000042", &[]);
    assert_eq!((&vmalloc["pa"], &vmalloc["level"]), (&json!("0x43210042"), &json!("pte")));
}

#[test]
fn a_dump_lists_the_fragment_and_nothing_beside_it() {
    let files = Files::new();
    let image = radix_image(&files, ByteOrder::Little);
    let run = ptwalk(&["dump", &image, "--root", USER_ROOT, "--json"]);
    let document = run.document();
    let frames: Vec<&str> =
        document["mappings"].as_array().expect("a list").iter().filter_map(|m| m["pfn"].as_str()).collect();
    assert_eq!(frames, ["0x1000", "0x1001", "0x1004", "0x101f", "0x2000"], "{document:#}");
}

#[test]
fn probe_says_what_the_image_tells_and_what_it_does_not() {
    let files = Files::new();
    let run = ptwalk(&["probe", &radix_image(&files, ByteOrder::Little)]).exits(0);
    for line in [
        "architecture ppc  (ELF e_machine)",
        "LINUX_VERSION_CODE 6.12  (OSRELEASE=6.12.0-4-powerpc64le)",
        "PAGE_SHIFT 16  (PAGESIZE=65536)",
        "PPC_RADIX_MMU 1  (NUMBER(RADIX_MMU)=1)",
        "root 0x0000000000600000 (upper half) swapper_pg_dir  (SYMBOL(swapper_pg_dir)=0xc000000000600000 in the linear map)",
        "unknown: root tables of user address spaces that no CPU was running  (say it with --root PA)",
    ] {
        assert!(run.out.lines().any(|found| found == line), "{line}\nin\n{}", run.out);
    }
    let silent = files.write("silent.elf", &core(&radix_64k(), ByteOrder::Big, 0x1_0000, "").build());
    let run = ptwalk(&["probe", &silent]).exits(1);
    for flag in ["--config PAGE_SHIFT=16", "--config PPC_RADIX_MMU=0", "--kernel", "--root PA"] {
        assert!(run.out.contains(flag), "{flag}: {}", run.out);
    }
    let hash = INFO_64K.replace("RADIX_MMU)=1", "RADIX_MMU)=0");
    let hash = files.write("hash.elf", &core(&radix_64k(), ByteOrder::Little, 0x1_0000, &hash).build());
    assert!(ptwalk(&["probe", &hash]).exits(0).out.contains("PPC_RADIX_MMU 0"));
}

/// Flags in place of what an image without a note does not say.
#[test]
fn flags_supply_what_the_image_does_not_say() {
    let files = Files::new();
    let silent = files.write("silent.elf", &core(&radix_64k(), ByteOrder::Big, 0x1_0000, "").build());
    let flags = ["--root", USER_ROOT, "--config", "PAGE_SHIFT=16", "--kernel", "6.12"];
    assert_eq!(walk(&silent, "0x1f1234", &flags)["pa"], "0x101f1234");
}

/// Hash with 64K: 256 ptes and behind them 2K of hash slots, 1024 pmds and behind them deposited tables. Neither is an
/// entry, whatever it looks like.
#[test]
fn what_hash_keeps_behind_the_entries_is_no_entry() {
    let mut memory = Memory::default();
    for (pa, word) in [
        (0x20_0000, TABLE | 0x30_0000),
        (0x30_0000, TABLE | 0x31_0000),
        (0x30_2000, PAGE | 0xbad0_0000), // behind 1024 puds
        (0x31_0000, TABLE | 0x40_1000),
        (0x31_0008, PAGE | 0x3000_0000 | 1 << 13), // a transparent huge page of 16M
        (0x31_2000, PAGE | 0xbad1_0000),           // behind 1024 pmds
        (0x40_1000, PAGE | 0x1000_0000 | 1 << 55), // with its HPTE
        (0x40_17f8, PAGE | 0x1001_0000),
        (0x40_1800, PAGE | 0xbad2_0000), // behind 256 ptes
    ] {
        memory.store(pa, word);
    }
    let files = Files::new();
    let image = files.write("hash.elf", &core(&memory, ByteOrder::Little, 0x1_0000, "").build());
    let flags = ["--root", USER_ROOT, "--config", "PAGE_SHIFT=16,PPC_RADIX_MMU=0", "--json"];
    let document = ptwalk(&[&["dump", &image], &flags[..]].concat()).exits(0).document();
    let found: Vec<_> = document["mappings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|m| Some((m["start"].as_str()?, m["pfn"].as_str()?, m["size"].as_u64()?)))
        .collect();
    let wanted = [("0x0", "0x1000", 1 << 16), ("0xff0000", "0x1001", 1 << 16), ("0x1000000", "0x3000", 1 << 24)];
    assert_eq!(found, wanted, "{document:#}");
}

/// Hash with 4K: 16M pages in a directory that hangs off a pud, 16G pages in one that hangs off the root, whose word no
/// kernel calls bad and to which the MMU grants nothing.
fn hugepd_image(files: &Files) -> String {
    let mut memory = Memory::default();
    for (pa, word) in [
        (0x20_0000, TABLE | 0x20_1000),
        (0x20_0008, TABLE | 0x20_3000 | 14 << 2), // 16G
        (0x20_1000, TABLE | 0x20_2000 | 10 << 2), // 16M
        (0x20_1008, TABLE | 0x20_4000 | 2),       // of no size
        (0x20_1010, TABLE | 0x20_5000),
        (0x20_2000, PAGE | 0x1000_0000),
        (0x20_2018, KERNEL_PAGE | 0x2000_0000),
        (0x20_2078, PAGE | 0x3000_0000),
        (0x20_3000, PAGE | 0x40_0000_0000),
        (0x20_3038, PAGE | 0x80_0000_0000),
        (0x20_5000, TABLE | 0x20_6000),
        (0x20_6000, PAGE | 0x9000),
    ] {
        memory.store(pa, word);
    }
    files.write("hugepd.elf", &core(&memory, ByteOrder::Big, 0x1000, "").build())
}

const HASH_4K: [&str; 6] = ["--root", USER_ROOT, "--config", "PAGE_SHIFT=12,PPC_RADIX_MMU=0", "--kernel", "5.10"];

#[test]
fn directories_of_huge_pages_are_walked_dumped_and_counted() {
    let files = Files::new();
    let image = hugepd_image(&files);
    let page = walk(&image, "0xf123456", &HASH_4K);
    assert_eq!((&page["pa"], &page["level"], &page["size"]), (&json!("0x30123456"), &json!("pte"), &json!(16 << 20)));
    assert_eq!(page["effective"], json!({ "read": true, "write": true, "exec": false, "user": true }));
    let levels: Vec<&str> =
        page["trail"].as_array().expect("a list").iter().filter_map(|passed| passed["level"].as_str()).collect();
    assert_eq!(levels, ["pgd", "pud", "pte"]);
    assert_eq!(page["trail"][2]["entry"], "0x202078");
    let large = walk(&image, "0x3fffffffff", &HASH_4K);
    assert_eq!((&large["pa"], &large["size"]), (&json!("0x83ffffffff"), &json!(1_u64 << 34)));
    assert_eq!(walk(&image, "0x1000000", &HASH_4K)["stop"]["reason"], "none");
    assert_eq!(walk(&image, "0x10000000", &HASH_4K)["stop"]["reason"], "bad");

    for threads in ["1", "3"] {
        let args = [&["dump", &image, "--json", "--threads", threads], &HASH_4K[..]].concat();
        let document = ptwalk(&args).exits(0).document();
        let found: Vec<_> = document["mappings"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|m| Some((m["start"].as_str()?, m["pa"].as_str()?, m["size"].as_u64()?)))
            .collect();
        let wanted = [
            ("0x0", "0x10000000", 16 << 20),
            ("0x3000000", "0x20000000", 16 << 20),
            ("0xf000000", "0x30000000", 16 << 20),
            ("0x20000000", "0x9000", 4096),
            ("0x2000000000", "0x4000000000", 1 << 34),
            ("0x3c00000000", "0x8000000000", 1 << 34),
        ];
        assert_eq!(found, wanted, "{document:#}");
    }
    let args = [&["census", &image, "--json"], &HASH_4K[..]].concat();
    let census = &ptwalk(&args).exits(0).document()["roots"][0]["census"];
    let ptes = &census["levels"]["pte"];
    assert_eq!((&ptes["tables"], &ptes["leaves"]["entries"]), (&json!(3), &json!(6)), "{census:#}");
    assert_eq!(ptes["leaves"]["bytes"], (3_u64 << 24) + 4096 + (2 << 34));
    assert_eq!(census["problems"]["bad"], 1);
    // The frame of the second byte of a 16G page.
    let args = [&["rmap", &image, "0x80c0000000", "0x20000000"], &HASH_4K[..]].concat();
    let found = ptwalk(&args).exits(0).out;
    assert!(found.contains("0x00000080c0000000 <- 0x0000003cc0000000  pte 16G rw-"), "{found}");
}

/// A table image of them needs no flags and says the same.
#[test]
fn directories_of_huge_pages_are_extracted() {
    let files = Files::new();
    let (image, out) = (hugepd_image(&files), files.path("hugepd.ptimg").display().to_string());
    ptwalk(&[&["extract", &image, &out], &HASH_4K[..]].concat()).exits(0);
    let mappings = |args: &[&str]| ptwalk(args).exits(0).document()["mappings"].clone();
    assert_eq!(mappings(&["dump", &out, "--json"]), mappings(&[&["dump", &image, "--json"], &HASH_4K[..]].concat()));
}

#[test]
fn explain_names_the_directory_and_the_huge_pte_that_refuses() {
    let files = Files::new();
    let image = hugepd_image(&files);
    let explain = |va: &str, access: &str, epoch: &str, code: i32| {
        let args = ["explain", &image, va, "--access", access, "--el", "0", "--json", "--gup-epoch", epoch];
        ptwalk(&[&args[..], &HASH_4K[..]].concat()).exits(code).document()
    };
    let gup = |document: &Value| -> Vec<String> {
        let levels = document["levels"].as_array().expect("a list").iter();
        levels.filter_map(|level| level["gup"].as_str().map(str::to_owned)).collect()
    };
    let granted = explain("0x3c00000000", "w", "5.10", 0);
    assert_eq!(gup(&granted), ["hugepd", "huge_pte"], "{granted:#}");
    assert_eq!(granted["levels"][0]["mmu"]["own"]["user"], "rwx", "the word takes nothing away");
    let refused = explain("0x3000000", "r", "5.10", 1);
    assert_eq!(gup(&refused), ["table", "hugepd", "not_permitted"], "{refused:#}");
    assert_eq!((&refused["mmu"]["level"], &refused["gup"]["reason"]), (&json!("pte"), &json!("not_permitted")));
    // A kernel that knows none takes it for a table of pmds.
    assert_eq!(gup(&explain("0x3c00000000", "w", "6.14", 1))[0], "table");
    let sizeless = explain("0x10000000", "r", "5.10", 1);
    assert_eq!(sizeless["gup"]["reason"], "hugepd_size");
}
