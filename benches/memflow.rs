//! How fast are all pages of an address space enumerated, beside memflow in the same program over the same image?
//!
//! `benches/README.md` says what each ID means and where memflow's answers differ. Before anything is measured, every row
//! must find the pages that it should, with the sum of their frames where it tells frames at all.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use memflow::architecture::arm::{ArmVirtualTranslate, aarch64};
use memflow::cglue::{CTup2, CTup3};
use memflow::error::{Error, ErrorKind, ErrorOrigin};
use memflow::mem::mem_data::{MemOps, PhysicalReadMemOps, PhysicalWriteMemOps, VtopRange, opt_call};
use memflow::mem::virt_translate::{VirtualTranslation, VirtualTranslationCallback};
use memflow::mem::{
    DirectTranslate, PhysicalMemory, PhysicalMemoryMetadata, VirtualDma, VirtualTranslate, VirtualTranslate2,
};
use memflow::types::{Address, PhysicalAddress};
use ptwalk::bench::engines::{arm64, present, walk};
use ptwalk::bench::native::{self, Scans};
use ptwalk::bench::tables::{PAGE_BYTES, PTRS, Shape, Tables};
use ptwalk::engine::{Engine, Fused, Queries, Wanted};
use ptwalk::walk::{Event, Leaves, MapSink, Mapping, Passed, TableSet, WalkError, walk_into};
use ptwalk_abi::PhysAddr;

/// Words in the tables that hold leaves: 8 MiB of them, with which the slowest row ends in seconds.
const ENTRIES: u64 = 1 << 20;

/// From this seed, with that many words, no two neighbours are the same. memflow takes the second of such for a table that
/// leads nowhere, also where it is a pte (`work_through_stack` in src/mem/virt_translate/mmu/spec.rs, 0.2.4), and which is
/// the second depends on how it was asked.
const SEED: u64 = ptwalk::bench::SEED + 4;

/// Bytes of a page, as memflow counts them.
const PAGE: u64 = PAGE_BYTES as u64;

/// Bytes that one table of ptes translates.
const TABLE_SPAN: u64 = PTRS * PAGE;

/// What is made of every page that a row finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pages {
    count: u64,
    /// The sum of their frame numbers, modulo 2^64.
    frames: u64,
}

impl Pages {
    #[inline(always)]
    fn add(&mut self, pa: u64) {
        self.count += 1;
        self.frames = self.frames.wrapping_add(pa / PAGE);
    }

    /// Adds a range, which memflow may have merged from several pages.
    #[inline(always)]
    fn add_range(&mut self, pa: u64, bytes: u64) {
        (0..bytes / PAGE).for_each(|page| self.add(pa + page * PAGE));
    }
}

/// Every mapping in full, as `ptwalk dump` has it.
impl MapSink for Pages {
    fn event(&mut self, _: &Event, _: &[Passed]) -> Result<(), WalkError> {
        Ok(())
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        leaves.mappings().for_each(|mapping| self.add(black_box(mapping).pa.0));
        Ok(())
    }
}

/// Every mapping, to compare page by page.
struct Collected(Vec<Mapping>);

impl MapSink for Collected {
    fn event(&mut self, _: &Event, _: &[Passed]) -> Result<(), WalkError> {
        Ok(())
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        self.0.extend(leaves.mappings());
        Ok(())
    }
}

fn map<E: Engine, S: MapSink>(engine: &mut E, tables: &TableSet<'_>, mut sink: S) -> S {
    let whole = tables.whole().expect("arm64 has a lower half");
    walk_into(engine, tables, whole, &mut sink).expect("arm64 does not fail");
    sink
}

/// The image as memflow reads it: entry by entry, which is all that its translator asks for. `MappedPhysicalMemory`, which
/// comes with it, would look up a map of segments first.
struct Memory<'a> {
    bytes: &'a [u8],
    base: u64,
}

impl Memory<'_> {
    #[inline(always)]
    fn entry(&self, pa: PhysicalAddress) -> Option<&[u8; 8]> {
        let at = usize::try_from(pa.address().to_umem().checked_sub(self.base)?).ok()?;
        self.bytes.get(at..)?.first_chunk()
    }
}

impl PhysicalMemory for Memory<'_> {
    fn phys_read_raw_iter(
        &mut self,
        MemOps { inp, mut out, mut out_fail }: PhysicalReadMemOps<'_, '_, '_, '_>,
    ) -> memflow::error::Result<()> {
        for CTup3(pa, meta, mut data) in inp {
            match (<&mut [u8; 8]>::try_from(&mut *data), self.entry(pa)) {
                (Ok(word), Some(entry)) => {
                    *word = *entry;
                    opt_call(out.as_deref_mut(), CTup2(meta, data));
                }
                _ => {
                    opt_call(out_fail.as_deref_mut(), CTup2(meta, data));
                }
            }
        }
        Ok(())
    }

    fn phys_write_raw_iter(&mut self, _: PhysicalWriteMemOps<'_, '_, '_, '_>) -> memflow::error::Result<()> {
        Err(Error(ErrorOrigin::Connector, ErrorKind::ReadOnly))
    }

    fn metadata(&self) -> PhysicalMemoryMetadata {
        let real_size = self.bytes.len() as u64;
        PhysicalMemoryMetadata {
            max_address: (self.base + real_size - 1).into(),
            real_size,
            readonly: true,
            ideal_batch_size: u32::MAX,
        }
    }
}

type Memflow<'a> = VirtualDma<Memory<'a>, DirectTranslate, ArmVirtualTranslate>;

/// memflow takes the upper half of the addresses from a second root. With the same for both it reads the whole table, as
/// ptwalk does, whose lower half has 48 bits where memflow's has 47.
fn memflow<'a>(tables: &'a Tables) -> Memflow<'a> {
    let root = Address::from(tables.set().root.pa.0);
    let base = tables.image.next_present(PhysAddr(0)).expect("tables are in the image").0;
    VirtualDma::new(Memory { bytes: tables.bytes(), base }, aarch64::ARCH, aarch64::new_translator(root, root))
}

/// The pages that memflow hands to a callback.
fn called_back(translate: impl FnOnce(VirtualTranslationCallback<'_>)) -> Pages {
    let mut pages = Pages::default();
    let mut add = |found: VirtualTranslation| {
        pages.add_range(found.out_physical.address().to_umem(), found.size);
        true
    };
    translate((&mut add).into());
    pages
}

/// A walk by memflow that tells frames.
type Translate = fn(&mut Memflow<'_>, &Asked) -> Pages;

/// What memflow is asked to translate where it takes a list.
struct Asked {
    /// One range for each table of ptes.
    tables: Vec<VtopRange>,
    /// One range for each page.
    pages: Vec<VtopRange>,
}

impl Asked {
    fn new(tables: &Tables) -> Asked {
        let end = tables.entries * PAGE;
        let every = |bytes: u64| (0..end / bytes).map(|i| CTup2(Address::from(i * bytes), bytes)).collect();
        Asked { tables: every(TABLE_SPAN), pages: every(PAGE) }
    }
}

const TRANSLATIONS: [(&str, Translate); 6] = [
    ("memflow-iter", |memflow, _| {
        let translator = *memflow.translator();
        let (memory, vat) = memflow.mem_vat_pair();
        let mut pages = Pages::default();
        let everything = CTup3(Address::null(), Address::null(), u64::MAX);
        let out = &mut |CTup3(pa, _, bytes): CTup3<PhysicalAddress, Address, u64>| {
            pages.add_range(pa.address().to_umem(), bytes);
            true
        };
        let fail = &mut |_| true;
        vat.virt_to_phys_iter(memory, &translator, [everything].into_iter(), &mut out.into(), &mut fail.into());
        pages
    }),
    ("memflow-range", |memflow, _| {
        called_back(|out| memflow.virt_to_phys_range(Address::null(), Address::invalid(), out))
    }),
    ("memflow-list-tables", |memflow, asked| {
        called_back(|out| memflow.virt_to_phys_list(&asked.tables, out, (&mut |_| true).into()))
    }),
    ("memflow-list-pages", |memflow, asked| {
        called_back(|out| memflow.virt_to_phys_list(&asked.pages, out, (&mut |_| true).into()))
    }),
    ("memflow-translation-map", |memflow, _| called_back(|out| memflow.virt_translation_map(out))),
    ("memflow-translation-map-vec", |memflow, _| {
        let mut pages = Pages::default();
        let found = memflow.virt_translation_map_vec();
        found.iter().for_each(|found| pages.add_range(found.out_physical.address().to_umem(), found.size));
        pages
    }),
];

/// Counts pages by a walk of memflow.
type CountPages = fn(&mut Memflow<'_>) -> u64;

/// Walks by memflow that tell ranges without frames: the number of pages in them.
const PAGE_MAPS: [(&str, CountPages); 2] = [
    ("memflow-page-map", |memflow| {
        let mut bytes = 0;
        let out = &mut |CTup3(_, range, _)| {
            bytes += range;
            true
        };
        memflow.virt_page_map_range(0, Address::null(), Address::invalid(), out.into());
        bytes / PAGE
    }),
    ("memflow-page-map-vec", |memflow| {
        let found = memflow.virt_page_map_range_vec(0, Address::null(), Address::invalid());
        found.iter().map(|CTup3(_, range, _)| range / PAGE).sum()
    }),
];

/// The pages that memflow should find; that it finds these and no others is checked page by page. They are all that ptwalk
/// finds but those that are `PROT_NONE`, which the hardware's bit calls invalid and the kernel present.
fn expected(mappings: &[Mapping], memflow: &mut Memflow<'_>) -> Pages {
    let valid = mappings.iter().filter(|mapping| !mapping.attrs.protnone);
    let valid: Vec<(u64, u64)> = valid.map(|mapping| (mapping.range.first.0, mapping.pa.0)).collect();
    let mut found = Vec::new();
    let mut add = |page: VirtualTranslation| {
        assert_eq!(page.size, PAGE, "{page:?}");
        found.push((page.in_virtual.to_umem(), page.out_physical.address().to_umem()));
        true
    };
    memflow.virt_to_phys_range(Address::null(), Address::invalid(), (&mut add).into());
    found.sort_unstable();
    let differ = found.iter().zip(&valid).find(|(found, valid)| found != valid);
    assert!(differ.is_none() && found.len() == valid.len(), "{} of {} pages: {differ:x?}", found.len(), valid.len());
    let mut pages = Pages::default();
    valid.iter().for_each(|(_, pa)| pages.add(*pa));
    pages
}

fn bench_memflow(group: &mut BenchmarkGroup<'_, WallTime>, tables: &Tables, mappings: &[Mapping]) {
    let mut memflow = memflow(tables);
    let asked = Asked::new(tables);
    let expected = expected(mappings, &mut memflow);
    for (name, translate) in TRANSLATIONS {
        assert_eq!(translate(&mut memflow, &asked), expected, "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| translate(&mut memflow, &asked)));
    }
    for (name, page_map) in PAGE_MAPS {
        assert_eq!(page_map(&mut memflow), expected.count, "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| page_map(&mut memflow)));
    }
}

fn bench(criterion: &mut Criterion) {
    let plugin = arm64().expect("arm64 is verified");
    let tables = Tables::new(Shape::Scattered, ENTRIES, SEED, *plugin.geometry()).expect("8 MiB");
    let set = tables.set();
    let fused =
        |wanted: &Wanted| Fused::new(&plugin, Queries::walk(plugin.geometry(), wanted)).expect("arm64 is fused");
    let mut group = criterion.benchmark_group("memflow/arm64-4k/scattered");
    group.throughput(Throughput::Elements(tables.entries));

    let mut leaves = fused(&present());
    let walk = |engine: &mut Fused| walk(engine, &set).expect("arm64 does not fail");
    let tally = native::walk(&set, &Scans { pte: native::present, pmd: native::blocks });
    assert_eq!(walk(&mut leaves), tally, "ptwalk-fused");
    group.bench_function("ptwalk-fused", |bencher| bencher.iter(|| walk(&mut leaves)));

    let mut everything = fused(&Wanted { absent: false, ..Wanted::ALL });
    let Collected(mappings) = map(&mut everything, &set, Collected(Vec::new()));
    assert_eq!(mappings.len() as u64, tally.leaves, "ptwalk-mappings");
    group.bench_function("ptwalk-mappings", |bencher| {
        bencher.iter(|| map(&mut everything, &set, Pages::default()));
    });

    bench_memflow(&mut group, &tables, &mappings);
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(3000));
    targets = bench
}
criterion_main!(benches);
