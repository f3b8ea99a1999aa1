//! Layouts of closed forms built by hand, as data and as pictures; random forms; the arm64 plugin.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a failed step fails the test")]

use ptwalk_abi::{Config, Extern};

use super::*;
use crate::expr::{Arena, BinaryOp, CompareOp, ExprId, Width};
use crate::lift::{Module, NoOracle, lift};

mod pictures;
mod random;

use BinaryOp::{And, Or, Shl, ShrU, Xor};

/// Closed forms under construction.
struct Forms {
    arena: Arena,
    forms: Vec<(Helper, ExprId)>,
}

impl Forms {
    fn new() -> Forms {
        Forms { arena: Arena::new(1_000_000), forms: Vec::new() }
    }

    fn x(&mut self) -> ExprId {
        self.arena.input(0, Width::W64).unwrap()
    }

    fn bit(&mut self, bit: u8) -> ExprId {
        let x = self.x();
        self.arena.bit(x, bit).unwrap()
    }

    fn not(&mut self, a: ExprId) -> ExprId {
        self.arena.not(a).unwrap()
    }

    fn op(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> ExprId {
        self.arena.binary(op, a, b).unwrap()
    }

    fn with(&mut self, op: BinaryOp, a: ExprId, value: u64) -> ExprId {
        let value = self.arena.constant(self.arena.width(a), value).unwrap();
        self.op(op, a, value)
    }

    /// `x[high:low] << up`.
    fn field(&mut self, high: u32, low: u32, up: u64) -> ExprId {
        let x = self.x();
        let masked = self.with(And, x, (u64::MAX >> (63 - high)) & (u64::MAX << low));
        let down = self.with(ShrU, masked, low.into());
        self.with(Shl, down, up)
    }

    fn truth(&mut self, helper: Helper, form: ExprId) {
        let word = self.arena.zext(form, Width::W32).unwrap();
        self.forms.push((helper, word));
    }

    fn word(&mut self, helper: Helper, form: ExprId) {
        self.forms.push((helper, form));
    }

    fn layout(&self, level: Level) -> EntryLayout {
        let forms: Vec<_> = self.forms.iter().map(|(helper, form)| (*helper, &self.arena, *form)).collect();
        EntryLayout::new(level, &forms)
    }
}

/// Helpers of an arm64 pte (v5.3, 4K granule), and one of a pmd.
fn arm64_pte() -> Forms {
    let mut f = Forms::new();
    let x = f.x();
    for (helper, bit) in [
        (Helper::pte_valid, 0),
        (Helper::pte_devmap, 57),
        (Helper::pte_special, 56),
        (Helper::pte_write, 51),
        (Helper::pte_young, 10),
        (Helper::pmd_devmap, 57),
    ] {
        let bit = f.bit(bit);
        f.truth(helper, bit);
    }
    let uxn = f.bit(54);
    let exec = f.not(uxn);
    f.truth(Helper::pte_user_exec, exec);
    let zero = f.arena.constant(Width::W64, 0).unwrap();
    let none = f.arena.eq(x, zero).unwrap();
    f.truth(Helper::pte_none, none);
    let (valid, prot_none) = (f.bit(0), f.bit(58));
    let present = f.op(Or, valid, prot_none);
    f.truth(Helper::pte_present, present);
    let invalid = f.not(valid);
    let protnone = f.op(And, prot_none, invalid);
    f.truth(Helper::pte_protnone, protnone);
    let (write, rdonly, soft) = (f.bit(51), f.bit(7), f.bit(55));
    let not_rdonly = f.not(rdonly);
    let hw_dirty = f.op(And, write, not_rdonly);
    f.truth(Helper::pte_hw_dirty, hw_dirty);
    let dirty = f.op(Or, soft, hw_dirty);
    f.truth(Helper::pte_dirty, dirty);
    let pfn = f.field(47, 12, 0);
    f.word(Helper::pte_pfn, pfn);
    let swap = f.field(7, 2, 0);
    f.word(Helper::swp_type, swap);
    let devmap = f.with(Or, x, 1 << 57 | 1 << 56);
    f.word(Helper::pte_mkdevmap, devmap);
    let read_only = f.with(And, x, !(1 << 51));
    let read_only = f.with(Or, read_only, 1 << 7);
    f.word(Helper::pte_wrprotect, read_only);
    let set = f.with(Or, x, 1 << 55);
    let clean = f.with(And, set, !(1 << 7));
    let mkdirty = f.arena.select(write, clean, set).unwrap();
    f.word(Helper::pte_mkdirty, mkdirty);
    let huge = f.with(And, x, !2);
    f.word(Helper::pte_mkhuge, huge);
    f
}

fn field_at(layout: &EntryLayout, bit: u8) -> &Field {
    layout.fields.iter().find(|field| (field.low..=field.high).contains(&bit)).unwrap()
}

fn assert_covers(layout: &EntryLayout) {
    let mut next = 0;
    for field in &layout.fields {
        assert_eq!(field.low, next, "{:?}", layout.fields);
        assert!(field.high >= field.low && field.high < 64);
        assert_eq!(field.names.is_empty(), field.kind == Kind::Unused);
        next = field.high + 1;
    }
    assert_eq!(next, 64, "{:?}", layout.fields);
    for pair in layout.fields.windows(2) {
        let same = pair[0].kind == pair[1].kind && build::continues(&pair[0], &pair[1].names);
        assert!(!same, "not joined: {pair:?}");
    }
}

#[test]
fn bits_are_called_what_reads_them() {
    let layout = arm64_pte().layout(Level::Pte);
    assert_covers(&layout);
    let field = |bit| field_at(&layout, bit);
    let is = |bit: u8, kind, label: &str, bits: (u8, u8)| {
        let found = field(bit);
        assert_eq!((found.kind, found.labels().join(", "), (found.high, found.low)), (kind, label.to_owned(), bits));
    };
    is(57, Kind::Bit, "devmap", (57, 57));
    is(54, Kind::Bit, "~user_exec", (54, 54));
    is(0, Kind::Bit, "valid", (0, 0));
    is(58, Kind::Shared, "present*, protnone*", (58, 58));
    is(55, Kind::Shared, "dirty*", (55, 55));
    is(7, Kind::Shared, "hw_dirty*, dirty*", (7, 7));
    is(47, Kind::Frame, "pfn", (47, 12));
    is(12, Kind::Frame, "pfn", (47, 12));
    is(1, Kind::Shared, "+mkhuge", (1, 1));
    is(63, Kind::Unused, "", (63, 59));
    is(48, Kind::Unused, "", (50, 48));
    is(11, Kind::Unused, "", (11, 11));
    is(2, Kind::Unused, "", (6, 2));
}

#[test]
fn makers_say_what_they_write() {
    let layout = arm64_pte().layout(Level::Pte);
    let bits = |helper| {
        let found = layout.helpers.iter().find(|bits| bits.helper == helper).unwrap();
        (found.sets.0, found.clears.0, found.changes.0, found.reads.0)
    };
    assert_eq!(bits(Helper::pte_mkdevmap), (1 << 57 | 1 << 56, 0, 0, 0));
    assert_eq!(bits(Helper::pte_wrprotect), (1 << 7, 1 << 51, 0, 0));
    assert_eq!(bits(Helper::pte_mkdirty), (1 << 55, 0, 1 << 7, 1 << 51 | 1 << 7));
    assert!(layout.helpers.iter().all(|bits| bits.helper != Helper::pmd_devmap), "another level's helper");
}

#[test]
fn a_frame_in_two_pieces_says_which_is_which() {
    let mut f = Forms::new();
    let (low, high) = (f.field(47, 16, 0), f.field(15, 12, 32));
    let pfn = f.op(Or, low, high);
    f.word(Helper::pte_pfn, pfn);
    let layout = f.layout(Level::Pte);
    assert_covers(&layout);
    let labels = |bit| field_at(&layout, bit).labels();
    assert_eq!(labels(47), ["pfn[31:0]"]);
    assert_eq!(labels(15), ["pfn[35:32]"]);
    assert_eq!((field_at(&layout, 15).high, field_at(&layout, 16).low), (15, 16));
    let part = field_at(&layout, 47).within(31, 0).unwrap();
    assert_eq!((part.high, part.low, part.labels()), (31, 16, vec!["pfn[15:0]".to_owned()]));
    assert_eq!(field_at(&layout, 15).within(63, 32), None);
}

#[test]
fn frames_of_two_sizes_overlap_where_both_read() {
    let mut f = Forms::new();
    let (pfn, page) = (f.field(47, 21, 9), f.field(47, 12, 0));
    f.word(Helper::pmd_pfn, pfn);
    f.word(Helper::pmd_page, page);
    let layout = f.layout(Level::Pmd);
    assert_eq!(field_at(&layout, 47).labels(), ["pfn", "page"]);
    assert_eq!((field_at(&layout, 47).low, field_at(&layout, 20).low), (21, 12));
    assert_eq!(field_at(&layout, 20).labels(), ["page"]);
}

/// An address that is stored complemented where the entry is not present, as x86 does against L1TF.
#[test]
fn a_frame_under_a_condition_is_still_the_frame() {
    let mut f = Forms::new();
    let x = f.x();
    let present = f.bit(0);
    let (all, none) = (f.arena.constant(Width::W64, u64::MAX).unwrap(), f.arena.constant(Width::W64, 0).unwrap());
    let flip = f.arena.select(present, none, all).unwrap();
    let plain = f.op(Xor, x, flip);
    let masked = f.with(And, plain, 0xf_ffff_ffff_f000);
    let pfn = f.with(ShrU, masked, 12);
    f.word(Helper::pte_pfn, pfn);
    let layout = f.layout(Level::Pte);
    let frame = field_at(&layout, 51);
    assert_eq!((frame.kind, frame.high, frame.low), (Kind::Frame, 51, 12));
    assert_eq!(field_at(&layout, 0).labels(), ["pfn*"]);
}

#[test]
fn an_address_bit_that_is_also_a_flag_is_shared() {
    let mut f = Forms::new();
    let address = f.field(52, 8, 8);
    f.word(Helper::pmd_page_paddr, address);
    let (devmap, leaf) = (f.bit(11), f.bit(62));
    f.truth(Helper::pmd_leaf, leaf);
    let devmap = f.op(And, devmap, leaf);
    f.truth(Helper::pmd_devmap, devmap);
    let layout = f.layout(Level::Pmd);
    assert_covers(&layout);
    let shared = field_at(&layout, 11);
    assert_eq!((shared.kind, shared.labels().join(", ")), (Kind::Shared, "page_paddr, devmap*".to_owned()));
    assert_eq!(field_at(&layout, 62).kind, Kind::Bit);
}

#[test]
fn what_depends_on_more_than_half_the_word_names_no_bit() {
    for (high, kind) in [(31, Kind::Shared), (32, Kind::Unused)] {
        let mut f = Forms::new();
        let field = f.field(high, 0, 0);
        let zero = f.arena.constant(Width::W64, 0).unwrap();
        let clear = f.arena.eq(field, zero).unwrap();
        f.truth(Helper::pmd_bad, clear);
        let layout = f.layout(Level::Pmd);
        assert_eq!(field_at(&layout, 0).kind, kind);
        assert_eq!(layout.helpers[0].reads_word(), kind == Kind::Unused);
    }
}

/// Two rules that random forms hardly ever reach: a borrow passes zeros of the minuend, and a lone one flips a bit.
#[test]
fn subtraction_borrows_through_zeros_and_flips_a_lone_bit() {
    let mut f = Forms::new();
    let x = f.x();
    let page = f.arena.constant(Width::W64, 1 << 12).unwrap();
    let left = f.op(BinaryOp::Sub, page, x);
    assert_eq!(bits::support(&f.arena, left, 0, 1 << 20), (1 << 21) - 1);

    let y = f.arena.input(1, Width::W64).unwrap();
    let high = f.with(And, y, 0xff << 40);
    let lone = f.with(Or, high, 1 << 5);
    let flipped = f.op(BinaryOp::Sub, x, lone);
    let origin = |bit| bits::origin(&f.arena, flipped, bit, 0);
    assert_eq!(origin(4), bits::Origin::Bit { index: 4, negated: false });
    assert_eq!(origin(5), bits::Origin::Bit { index: 5, negated: true });
    assert_eq!(origin(6), bits::Origin::Mixed);
}

#[test]
fn without_helpers_all_bits_are_unused() {
    let layout = EntryLayout::new(Level::P4d, &[]);
    assert_covers(&layout);
    assert_eq!(layout.fields, [Field { high: 63, low: 0, names: Vec::new(), kind: Kind::Unused }]);
}

#[test]
fn a_huge_closed_form_costs_no_stack_and_no_text() {
    let mut f = Forms::new();
    let x = f.x();
    let mut form = x;
    for round in 0..100_000u64 {
        form = f.with(BinaryOp::Mul, form, round | 3);
        form = f.op(Xor, form, x);
    }
    f.word(Helper::pte_mkdirty, form);
    let low = f.arena.bit(form, 0).unwrap();
    f.truth(Helper::pte_dirty, low);
    let layout = f.layout(Level::Pte);
    assert_covers(&layout);
    assert_eq!(layout.helpers.iter().find(|bits| bits.helper == Helper::pte_mkdirty).unwrap().form, None);
    assert!(layout.draw(100, Style::Box).len() < 10_000);
}

#[test]
fn layouts_are_json() {
    let json = serde_json::to_value(arm64_pte().layout(Level::Pte)).unwrap();
    assert_eq!(json["level"], "pte");
    assert_eq!(json["fields"][0]["kind"], "bit");
    assert_eq!(json["fields"][0]["names"][0], serde_json::json!({ "helper": "pte_valid", "role": "is" }));
    let pfn = json["fields"].as_array().unwrap().iter().find(|field| field["kind"] == "frame").unwrap();
    assert_eq!(pfn["names"][0]["role"], serde_json::json!({ "frame": { "result_low": 0, "split": false } }));
    let devmap = json["helpers"].as_array().unwrap().iter().find(|bits| bits["helper"] == "pte_devmap").unwrap();
    assert_eq!(devmap["form"], "x[57]");
    assert_eq!(devmap["reads"], "0x0200000000000000");
}

/// The layout of a level as the arm64 plugin has it under a configuration.
fn plugin_layout(config: &Config, level: Level) -> EntryLayout {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../walker-plugins/prebuilt/arm64.wasm");
    let bytes = std::fs::read(path).unwrap();
    let lifted = lift(&Module::decode(&bytes).unwrap(), config, &mut NoOracle).unwrap();
    let forms: Vec<_> =
        lifted.exports.iter().filter_map(|export| Some((export.helper?, &lifted.arena, export.result?))).collect();
    EntryLayout::new(level, &forms)
}

#[test]
fn the_arm64_plugin_has_the_bits_of_the_manual() {
    let pte = plugin_layout(&Config::DEFAULT, Level::Pte);
    assert_covers(&pte);
    for (bit, label) in
        [(57, "devmap"), (56, "special"), (54, "~user_exec"), (51, "write"), (10, "young"), (0, "valid")]
    {
        assert_eq!(field_at(&pte, bit).labels(), [label], "bit {bit}");
    }
    let frame = field_at(&pte, 47);
    assert_eq!((frame.kind, frame.high, frame.low), (Kind::Frame, 47, 12));

    let wide = Config::DEFAULT.with(Extern::PAGE_SHIFT, 16).with(Extern::PA_BITS, 52);
    for level in Level::DESCENT {
        assert_covers(&plugin_layout(&wide, level));
    }
    let pte = plugin_layout(&wide, Level::Pte);
    assert_eq!(field_at(&pte, 15).labels(), ["pfn[35:32]", "to_phys[51:48]"]);
    assert_eq!(field_at(&pte, 16).labels(), ["pfn[31:0]", "to_phys[47:16]"]);
}
