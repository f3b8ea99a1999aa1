//! Kernels of which no real dump is here: cores as they write them, walked with nothing but `probe` and `--root`.
//!
//! Each core holds a process's tables and the kernel's, and a VMCOREINFO with the lines that such a kernel has.

use serde_json::{Value, json};

use crate::image::Files;
use crate::ptwalk;
use crate::support::core::{ByteOrder, CoreBuilder};
use crate::support::{AARCH64, Memory, PPC64, X86_64};

/// Physical address of the kernel's image, and its virtual one less that.
const KERNEL_PA: u64 = 0x4000_0000;

/// A kernel.
struct Kernel {
    name: &'static str,
    machine: u16,
    headers: ByteOrder,
    tables: ByteOrder,
    page_bytes: u64,
    info: String,
    /// Shift and index bits of each level, root first.
    levels: Vec<(u32, u32)>,
    /// The word that leads to a table, of the level after the one given.
    table: fn(u64, usize) -> u64,
    /// User's and kernel's: root, address, page, and the word that maps it.
    maps: [Map; 2],
}

struct Map {
    root: u64,
    va: u64,
    pa: u64,
    leaf: u64,
}

impl Kernel {
    fn core(&self) -> Vec<u8> {
        let mut memory = Memory::default();
        for (half, map) in self.maps.iter().enumerate() {
            let mut table = map.root;
            for (depth, (shift, bits)) in self.levels.iter().enumerate() {
                // The whole table, also where it is larger than a page.
                (0..8u64 << bits).step_by(4096).for_each(|at| memory.store(table + at, 0));
                let entry = table + (map.va >> shift & ((1 << bits) - 1)) * 8;
                let below = 0x10_0000 * (1 + half as u64) + 0x1_0000 * depth as u64;
                let word = if depth + 1 == self.levels.len() { map.leaf } else { (self.table)(below, depth) };
                memory.store(entry, word);
                table = below;
            }
        }
        let core = memory.load_into(CoreBuilder::new(self.headers, self.machine), self.tables, self.page_bytes);
        core.note("VMCOREINFO", 0, self.info.as_bytes()).build()
    }

    fn check(&self, files: &Files) {
        let image = files.write(&format!("{}.elf", self.name), &self.core());
        let probe = ptwalk(&["probe", &image, "--json"]).exits(0).document();
        let kernel_root = &probe["roots"][0];
        assert_eq!(kernel_root["pa"], format!("{:#x}", self.maps[1].root), "{}: {probe:#}", self.name);
        assert_eq!((&kernel_root["half"], &kernel_root["held"]), (&json!("upper"), &json!(true)), "{}", self.name);
        let user_root = format!("{:#x}", self.maps[0].root);
        let user = ["--root", &user_root, "--half", "lower"];
        for (map, flags) in self.maps.iter().zip([&user[..], &[]]) {
            let va = format!("{:#x}", map.va + 0x123);
            let document = ptwalk(&[&["walk", &image, &va, "--json"], flags].concat()).exits(0).document();
            let walk = &document["walks"][0];
            assert_eq!(walk["pa"], format!("{:#x}", map.pa + 0x123), "{}: {document:#}", self.name);
            assert_eq!((&walk["level"], &walk["size"]), (&json!("pte"), &json!(self.page_bytes)), "{}", self.name);
            let levels = walk["trail"].as_array().map(Vec::len);
            assert_eq!(levels, Some(self.levels.len()), "{}", self.name);
            let document = ptwalk(&[&["dump", &image, "--json"], flags].concat()).exits(0).document();
            let mappings = document["mappings"].as_array().expect("a list").iter();
            let found: Vec<(&Value, &Value)> = mappings.map(|mapping| (&mapping["start"], &mapping["pa"])).collect();
            let wanted = (json!(format!("{:#x}", map.va)), json!(format!("{:#x}", map.pa)));
            assert_eq!(found, [(&wanted.0, &wanted.1)], "{}: {document:#}", self.name);
        }
        // What `--root` alone means: the process's half.
        let va = format!("{:#x}", self.maps[0].va);
        ptwalk(&["walk", &image, &va, "--root", &user_root]).exits(0);
        ptwalk(&["census", &image]).exits(0);
        ptwalk(&["audit", &image]).exits(0);
    }
}

/// VMCOREINFO of arm64 (arch/arm64/kernel/vmcore_info.c, v6.12).
fn arm64_info(release: &str, page_bytes: u64, va_bits: u32, t1sz: u32, pa_bits: u32, swapper: u64) -> String {
    let voffset = 0xffff_8000_7000_0000u64 - KERNEL_PA;
    format!(
        "OSRELEASE={release}\nBUILD-ID=0123456789abcdef0123456789abcdef01234567\nPAGESIZE={page_bytes}\n\
         SYMBOL(init_uts_ns)=ffff800082a1b0c8\nSYMBOL(swapper_pg_dir)={:x}\nNUMBER(VA_BITS)={va_bits}\n\
         NUMBER(MODULES_VADDR)=0xffff800000000000\nNUMBER(VMALLOC_START)=0xffff800080000000\n\
         NUMBER(kimage_voffset)={voffset:#x}\nNUMBER(PHYS_OFFSET)={KERNEL_PA:#x}\nNUMBER(MAX_PHYSMEM_BITS)={pa_bits}\n\
         NUMBER(TCR_EL1_T1SZ)={t1sz:#x}\nKERNELOFFSET=0\nNUMBER(KERNELPACMASK)=0x0\n",
        swapper.wrapping_add(voffset)
    )
}

fn arm64_table(pa: u64, _: usize) -> u64 {
    pa | 3
}

/// A page of user mode's, and of the kernel's: shareable but with LPA2, where those bits are address bits.
const USER: u64 = 0x00e8_0000_0000_0f53;
const OF_KERNEL: u64 = 0x0068_0000_0000_0f13;

fn arm64(name: &'static str, page_bytes: u64, info: String, levels: &[(u32, u32)], maps: [Map; 2]) -> Kernel {
    Kernel {
        name,
        machine: AARCH64,
        headers: ByteOrder::Little,
        tables: ByteOrder::Little,
        page_bytes,
        info,
        levels: levels.to_vec(),
        table: arm64_table,
        maps,
    }
}

#[test]
fn arm64_of_every_granule() {
    let files = Files::new();
    let map = |root, va, pa, word| Map { root, va, pa, leaf: word | pa };
    let swapper = 0x4180_0000;
    for (name, page_bytes, va_bits, levels, user_root) in [
        ("4k-39", 0x1000, 39, &[(30, 9), (21, 9), (12, 9)][..], 0x5000),
        ("16k-36", 0x4000, 36, &[(25, 11), (14, 11)], 0x8000),
        ("16k-47", 0x4000, 47, &[(36, 11), (25, 11), (14, 11)], 0x8000),
        ("16k-48", 0x4000, 48, &[(47, 1), (36, 11), (25, 11), (14, 11)], 0x8040),
        ("64k-42", 0x1_0000, 42, &[(29, 13), (16, 13)], 0x2_0000),
        ("64k-48", 0x1_0000, 48, &[(42, 6), (29, 13), (16, 13)], 0x2_0200),
    ] {
        let info = arm64_info("6.12.9-200.fc41.aarch64", page_bytes, va_bits, 64 - va_bits, 48, swapper);
        let top = u64::MAX << va_bits;
        let (user_va, kernel_va) = ((1 << va_bits) - 3 * page_bytes, top + 5 * page_bytes);
        let maps = [map(user_root, user_va, 0x8765_4321_0000, USER), map(swapper, kernel_va, 0x1_2345_0000, OF_KERNEL)];
        arm64(name, page_bytes, info, levels, maps).check(&files);
    }
}

#[test]
fn arm64_of_52_bits() {
    let files = Files::new();
    // LPA2: bits 51:50 of an address are in 9:8, which say how memory is shared elsewhere.
    let lpa2 =
        |root, va, pa: u64, word: u64| Map { root, va, pa, leaf: word & !0x300 | pa & ((1 << 50) - 1) | pa >> 50 << 8 };
    let (user_pa, kernel_pa) = (0xc_0000_1234_0000, 0x4_8765_0000_0000);
    let swapper = 0x4180_0000;
    for (name, page_bytes, levels) in [
        ("4k-52", 0x1000, &[(48, 4), (39, 9), (30, 9), (21, 9), (12, 9)][..]),
        ("16k-52", 0x4000, &[(47, 5), (36, 11), (25, 11), (14, 11)]),
    ] {
        let info = arm64_info("6.12.9", page_bytes, 52, 12, 52, swapper);
        let maps = [
            lpa2(0x4000, (1 << 52) - 2 * page_bytes, user_pa, USER),
            lpa2(swapper, (u64::MAX << 52) + page_bytes, kernel_pa, OF_KERNEL),
        ];
        arm64(name, page_bytes, info, levels, maps).check(&files);
    }
    // Without LPA2 the same kernel folds levels, and addresses have 48 bits.
    let map = |root, va, pa, word| Map { root, va, pa, leaf: word | pa };
    for (name, page_bytes, va_bits, levels) in [
        ("4k-52-on-48", 0x1000, 48, &[(39, 9), (30, 9), (21, 9), (12, 9)][..]),
        ("16k-52-on-47", 0x4000, 47, &[(36, 11), (25, 11), (14, 11)]),
    ] {
        let info = arm64_info("6.12.9", page_bytes, 52, 64 - va_bits, 52, swapper);
        let maps = [
            map(0x4000, 0x12_3456 * page_bytes, 0x8_0000_0000, USER),
            map(swapper, u64::MAX << va_bits, 0x1_0000, OF_KERNEL),
        ];
        arm64(name, page_bytes, info, levels, maps).check(&files);
    }
    // 64K: bits 51:48 of an address are in 15:12. Where only 48 bits are in use, the kernel's half of the root is its end.
    let high = |root, va, pa: u64, word| Map { root, va, pa, leaf: word | pa & ((1 << 48) - 1) | pa >> 48 << 12 };
    for (name, t1sz, root_bits, root) in [("64k-52", 12, 10, swapper), ("64k-52-on-48", 16, 6, swapper + 0x1e00)] {
        let info = arm64_info("5.14.0-503.el9.aarch64+64k", 0x1_0000, 52, t1sz, 52, swapper);
        let maps = [
            high(0x4000, 0x1_2345_0000, 0xf_8765_0000_0000, USER),
            high(root, u64::MAX << (64 - t1sz), 0x8_0000_0001_0000, OF_KERNEL),
        ];
        arm64(name, 0x1_0000, info, &[(42, root_bits), (29, 13), (16, 13)], maps).check(&files);
    }
}

/// VMCOREINFO of x86_64 (arch/x86/kernel/vmcore_info_64.c, v6.12).
#[test]
fn x86_64_of_four_and_five_levels() {
    let files = Files::new();
    let levels = [(48, 9), (39, 9), (30, 9), (21, 9), (12, 9)];
    for (name, release, five, symbol) in [
        ("la57", "6.12.9-200.fc41.x86_64", 1, "swapper_pg_dir"),
        ("four", "6.8.0-45-generic", 0, "init_top_pgt"),
        ("old", "4.9.0-19-amd64", 0, "init_level4_pgt"),
    ] {
        let told = if name == "old" {
            String::new()
        } else {
            format!("NUMBER(pgtable_l5_enabled)={five}\nNUMBER(sme_mask)=0\n")
        };
        let info = format!(
            "OSRELEASE={release}\nPAGESIZE=4096\nSYMBOL({symbol})=ffffffff83010000\nNUMBER(phys_base)=-16777216\n{told}KERNELOFFSET=1000000\n"
        );
        let bits = if five == 1 { 56 } else { 47 };
        Kernel {
            name,
            machine: X86_64,
            headers: ByteOrder::Little,
            tables: ByteOrder::Little,
            page_bytes: 4096,
            info,
            levels: levels[1 - five..].to_vec(),
            table: |pa, _| pa | 0x67,
            maps: [
                Map { root: 0x5000, va: (1 << bits) - 0x3000, pa: 0x8_7654_3000, leaf: 0x8000_0008_7654_3067 },
                Map { root: 0x201_0000, va: u64::MAX << bits, pa: 0x9_0000_0000, leaf: 0x8000_0009_0000_0163 },
            ],
        }
        .check(&files);
    }
}

/// VMCOREINFO of ppc64 (arch/powerpc/kexec/vmcore_info.c, v6.12); before v6.7 it does not tell radix from hash, and the
/// kernel's root does.
#[test]
fn ppc64_of_either_mmu_page_size_and_byte_order() {
    let files = Files::new();
    let radix = |pa: u64, depth: usize| 1 << 63 | pa | if depth == 2 { 5 } else { 9 };
    let radix_4k = |pa: u64, _: usize| 1 << 63 | pa | 9;
    let hash = |pa: u64, _: usize| 1 << 63 | pa;
    type Case<'a> = (&'a str, u64, &'a [(u32, u32)], fn(u64, usize) -> u64, Option<u32>, ByteOrder);
    let cases: [Case<'static>; 6] = [
        ("radix-64k", 0x1_0000, &[(39, 13), (30, 9), (21, 9), (16, 5)], radix, Some(1), ByteOrder::Little),
        ("radix-64k-be", 0x1_0000, &[(39, 13), (30, 9), (21, 9), (16, 5)], radix, None, ByteOrder::Big),
        ("radix-4k", 0x1000, &[(39, 13), (30, 9), (21, 9), (12, 9)], radix_4k, Some(1), ByteOrder::Little),
        ("radix-4k-silent", 0x1000, &[(39, 13), (30, 9), (21, 9), (12, 9)], radix_4k, None, ByteOrder::Little),
        ("hash-64k", 0x1_0000, &[(44, 8), (34, 10), (24, 10), (16, 8)], hash, Some(0), ByteOrder::Little),
        ("hash-4k-silent", 0x1000, &[(37, 9), (28, 9), (21, 7), (12, 9)], hash, None, ByteOrder::Big),
    ];
    for (name, page_bytes, levels, table, told, headers) in cases {
        let told = told.map_or(String::new(), |radix| format!("NUMBER(RADIX_MMU)={radix}\n"));
        let release = if told.is_empty() { "5.10.0-30-powerpc64" } else { "6.12.9-200.fc41.ppc64le" };
        let info = format!(
            "OSRELEASE={release}\nPAGESIZE={page_bytes}\nSYMBOL(swapper_pg_dir)=c000000001800000\n{told}KERNELOFFSET=0\n"
        );
        let leaf = |pa: u64, user: bool| 0xc000_0000_0000_0186 | pa | if user { 0 } else { 8 };
        Kernel {
            name,
            machine: PPC64,
            headers,
            tables: ByteOrder::Big,
            page_bytes,
            info,
            levels: levels.to_vec(),
            table,
            maps: [
                Map { root: 0x3_0000, va: 0x12_3456_0000, pa: 0x7_6543_0000, leaf: leaf(0x7_6543_0000, true) },
                Map {
                    root: 0x180_0000,
                    va: 0xc000_0000_0000_0000 + page_bytes,
                    pa: page_bytes,
                    leaf: leaf(page_bytes, false),
                },
            ],
        }
        .check(&files);
    }
}

/// QEMU has no way to put VMCOREINFO into the dump of a pseries machine. A root that is named tells what is missing.
#[test]
fn ppc64_radix_without_a_word_is_walked_from_its_root_alone() {
    let files = Files::new();
    for (name, page_bytes, size, pte_shift) in [("4k", 0x1000, 9, 12), ("64k", 0x1_0000, 5, 16)] {
        let mut memory = Memory::default();
        let table = |pa: u64, size: u64| 1 << 63 | pa | size;
        (0..16).for_each(|page| memory.store(0x3_0000 + page * 0x1000, 0));
        for (pa, word) in [
            (0x3_0000 + 5 * 8, table(0x10_0000, 9)),
            (0x10_0000, 0xc000_0000_0000_0186), // a page of 1G before the first table
            (0x10_0008, table(0x11_0000, 9)),
            (0x11_0018, table(0x12_0100, size)),
            (0x12_0100 + 2 * 8, 0xc000_0000_7654_0186),
        ] {
            memory.store(pa, word);
        }
        let core = memory.load_into(CoreBuilder::new(ByteOrder::Little, PPC64), ByteOrder::Big, page_bytes);
        let image = files.write(&format!("{name}.elf"), &core.build());
        let va = format!("{:#x}", 5 << 39 | 1 << 30 | 3 << 21 | 2 << pte_shift | 0x21_u64);
        let run = ptwalk(&["walk", &image, &va, "--root", "0x30000", "--json"]).exits(0);
        let walk = &run.document()["walks"][0];
        assert_eq!((&walk["pa"], &walk["size"]), (&json!("0x76540021"), &json!(page_bytes)), "{name}");
        // What is said on the command line has the last word.
        let other = if pte_shift == 12 { "PAGE_SHIFT=16" } else { "PAGE_SHIFT=12" };
        ptwalk(&["walk", &image, &va, "--root", "0x30000", "--config", other]).exits(1);
        assert!(ptwalk(&["probe", &image]).exits(1).out.contains("a radix root that is named tells"));
    }
}

/// With KPTI, TTBR1 in user mode points to a root that maps the vectors alone, below `swapper_pg_dir`.
#[test]
fn the_trampoline_of_kpti_is_named_as_such() {
    let swapper = 0x4180_0000;
    let info = arm64_info("6.12.9", 0x1000, 48, 16, 48, swapper);
    let files = Files::new();
    for (pages, reserved) in [(2, 0), (1, 1), (0, 0)] {
        let mut memory = Memory::default();
        for (pa, word) in [(swapper + 0x7f8, 0x10_0003), (swapper + 0xff8, 0x11_0003)] {
            memory.store(pa, word);
        }
        // The page between: zero with SW_TTBR0_PAN or from v5.12 on, otherwise the trampoline itself.
        memory.store(swapper - 0x1000, 0);
        memory.store(swapper - 0x1000 * pages.max(1) + 0xff8, if pages == 0 { 0 } else { 0x12_0003 });
        let core = memory.core(ByteOrder::Little, 4096).note("VMCOREINFO", 0, info.as_bytes());
        let image = files.write("kpti.elf", &core.build());
        let probe = ptwalk(&["probe", &image, "--json"]).exits(0).document();
        let wanted = if pages == 0 { vec![] } else { vec![json!(format!("{:#x}", swapper - 0x1000 * pages))] };
        let named: Vec<_> =
            probe["no_roots"].as_array().expect("a list").iter().map(|root| root["pa"].clone()).collect();
        assert_eq!(named, wanted, "{pages} {reserved}: {probe:#}");
        assert_eq!(probe["roots"].as_array().map(Vec::len), Some(1), "a trampoline is nobody's root");
        if pages > 0 {
            assert_eq!(probe["no_roots"][0]["name"], "tramp_pg_dir");
            let root = format!("{:#x}", swapper - 0x1000 * pages);
            ptwalk(&["dump", &image, "--root", &root, "--half", "upper"]).exits(0).says(&["tramp_pg_dir", "KPTI"]);
        }
    }
}

/// Notes of CPUs (NT_PRSTATUS) are no roots on arm64 and ppc64, and do no harm.
#[test]
fn notes_that_say_nothing_of_tables_are_passed_over() {
    let files = Files::new();
    let info = arm64_info("6.12.9", 0x1000, 48, 16, 48, 0x4180_0000);
    let mut memory = Memory::default();
    memory.store(0x4180_0000, 0);
    let core = memory.core(ByteOrder::Little, 4096).note("CORE", 1, &[0x5a; 392]).note("CORE", 1, &[0xa5; 392]);
    let image = files.write("prstatus.elf", &core.note("VMCOREINFO", 0, info.as_bytes()).build());
    let probe = ptwalk(&["probe", &image, "--json"]).exits(0).document();
    assert_eq!(probe["roots"].as_array().map(Vec::len), Some(1), "{probe:#}");
}

/// Forms of dumps that are read by other tools are refused with what to do.
#[test]
fn compressed_dumps_are_refused_with_a_hint() {
    let files = Files::new();
    for (magic, hint) in [(&b"KDUMP   \x06\0\0\0"[..], "makedumpfile -E"), (b"makedumpfile\0\0\0\0", "makedumpfile -R")]
    {
        let image = files.write("dump", &[magic, &[0; 4096]].concat());
        for command in ["probe", "audit", "info"] {
            ptwalk(&[command, &image]).exits(3).says(&[hint]);
        }
    }
}
