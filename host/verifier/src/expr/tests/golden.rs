//! Closed forms as they are printed, and equal forms built in different ways.

use super::*;

struct Built(Arena);

#[allow(clippy::should_implement_trait, reason = "an id alone cannot be added")]
impl Built {
    fn x(&mut self) -> ExprId {
        self.0.input(0, Width::W64).unwrap()
    }
    fn c(&mut self, value: u64) -> ExprId {
        self.0.constant(Width::W64, value).unwrap()
    }
    fn c32(&mut self, value: u64) -> ExprId {
        self.0.constant(Width::W32, value).unwrap()
    }
    fn op(&mut self, op: BinaryOp, a: ExprId, value: u64) -> ExprId {
        let width = self.0.width(a);
        let b = self.0.constant(width, value).unwrap();
        self.0.binary(op, a, b).unwrap()
    }
    fn text(&self, id: ExprId) -> String {
        self.0.display(id, &["x", "y"]).to_string()
    }
}

use BinaryOp::{Add, And, Mul, Or, Rotl, Shl, ShrS, ShrU, Sub, UDiv, Xor};

#[test]
fn a_bit_tested_in_any_way_is_that_bit() {
    let mut b = Built(arena());
    let x = b.x();
    let bit = b.0.bit(x, 57).unwrap();

    let shifted = b.op(ShrU, x, 57);
    let narrow = b.0.trunc(shifted).unwrap();
    let as_rustc = b.op(And, narrow, 1);
    assert_eq!(b.text(as_rustc), "x[57]");
    assert_eq!(b.0.truth(as_rustc).unwrap(), bit);

    let masked = b.op(And, x, 1 << 57);
    assert_eq!(b.0.truth(masked).unwrap(), bit);
    let high = b.op(Shl, x, 6);
    let zero = b.c(0);
    assert_eq!(b.0.slt(high, zero).unwrap(), bit);
    let same = b.c(1 << 57);
    assert_eq!(b.0.eq(masked, same).unwrap(), bit);
    let word = b.0.zext(bit, Width::W32).unwrap();
    assert_eq!(word, as_rustc);
    assert_eq!(b.0.truth(word).unwrap(), bit);
}

#[test]
fn fields_have_one_form() {
    let mut b = Built(arena());
    let x = b.x();
    let down = b.op(ShrU, x, 12);
    let pfn = b.op(And, down, 0xf_ffff_ffff);
    let masked = b.op(And, x, 0xffff_ffff_f000);
    assert_eq!(b.op(ShrU, masked, 12), pfn);
    let up = b.op(Shl, x, 16);
    assert_eq!(b.op(ShrU, up, 28), pfn);
    assert_eq!(b.text(pfn), "x[47:12]");
    assert_eq!(b.text(masked), "x[47:12] << 12");

    let huge = b.op(And, x, 0xffff_ffe0_0000);
    let huge = b.op(ShrU, huge, 12);
    assert_eq!(b.text(huge), "x[47:21] << 9");
    let all_down = b.op(ShrU, x, 12);
    assert_eq!(b.text(all_down), "x[63:12]");
    let low = b.0.trunc(x).unwrap();
    assert_eq!(b.text(low), "x[31:0]");
    let up = b.op(Shl, x, 3);
    assert_eq!(b.text(up), "x << 3");
    let kept = b.op(And, x, !(1 << 57));
    assert_eq!(b.text(kept), "x & ~(1<<57)");
    let holes = b.op(And, x, 0xf0f0_ffff_0000_0f0f);
    assert_eq!(b.text(holes), "x & 0xf0f0ffff00000f0f");
}

#[test]
fn makers_set_and_clear() {
    let mut b = Built(arena());
    let x = b.x();
    let set = b.op(Or, x, 1 << 57);
    assert_eq!(b.text(set), "x | 1<<57");
    let cleared = b.op(And, x, !(1 << 57));
    assert_eq!(b.op(Or, cleared, 1 << 57), set);
    assert_eq!(b.op(Add, cleared, 1 << 57), set);
    assert_eq!(b.op(Xor, cleared, 1 << 57), set);
    let two = b.op(Or, set, 1 << 58);
    assert_eq!(b.text(two), "x | 1<<58 | 1<<57");
    let flipped = b.op(Xor, x, 1 << 58);
    assert_eq!(b.text(flipped), "x ^ 1<<58");
    let summed = b.op(Add, x, 1 << 58);
    assert_eq!(b.text(summed), "x + (1<<58)");
    let tagged = b.op(And, x, !0xfff);
    let tagged = b.op(Or, tagged, 0x703);
    assert_eq!(b.text(tagged), "x[63:12] << 12 | 0x703");
}

#[test]
fn predicates_are_cubes() {
    let mut b = Built(arena());
    let x = b.x();
    let (b51, b7) = (b.0.bit(x, 51).unwrap(), b.0.bit(x, 7).unwrap());
    let not7 = b.0.not(b7).unwrap();
    let both = b.0.and(b51, not7).unwrap();
    assert_eq!(b.text(both), "x[51] & ~x[7]");
    let masked = b.op(And, x, 1 << 51 | 1 << 7);
    let value = b.c(1 << 51);
    assert_eq!(b.0.eq(masked, value).unwrap(), both);
    let either = b.0.or(b51, b7).unwrap();
    assert_eq!(b.text(either), "x[51] | x[7]");
    assert_eq!(b.0.truth(masked).unwrap(), either);
    let neither = b.0.not(either).unwrap();
    assert_eq!(b.text(neither), "~x[51] & ~x[7]");

    let table = b.op(And, x, 3);
    let three = b.c(3);
    let is_table = b.0.eq(table, three).unwrap();
    assert_eq!(b.text(is_table), "x[1:0] == 3");
    let no_table = b.0.not(is_table).unwrap();
    assert_eq!(b.text(no_table), "x[1:0] != 3");
    let mixed = b.0.and(is_table, b51).unwrap();
    assert_eq!(b.text(mixed), "x[51] & x[1:0] == 3");
    let contradiction = b.0.and(mixed, no_table).unwrap();
    assert!(b.0.is_zero(contradiction));
    let zero = b.c(0);
    let none = b.0.eq(x, zero).unwrap();
    assert_eq!(b.text(none), "x == 0");
    let narrow = b.0.trunc(x).unwrap();
    let narrow = b.op(And, narrow, 3);
    let three = b.c32(3);
    assert_eq!(b.0.eq(narrow, three).unwrap(), is_table);
}

#[test]
fn a_choice_of_bits_is_bits() {
    let mut b = Built(arena());
    let x = b.x();
    let mut rebuilt = b.c(0);
    for bit in 0..64 {
        let test = b.0.bit(x, bit).unwrap();
        let set = b.op(Or, rebuilt, 1 << bit);
        rebuilt = b.0.select(test, set, rebuilt).unwrap();
    }
    assert_eq!(rebuilt, x);

    let y = b.0.input(1, Width::W64).unwrap();
    let test = b.0.bit(x, 3).unwrap();
    let choice = b.0.select(test, x, y).unwrap();
    assert_eq!(b.text(choice), "if x[3] then x else y");
    let (one, zero) = (b.c32(1), b.c32(0));
    let truth = b.0.select(test, one, zero).unwrap();
    assert_eq!(b.text(truth), "x[3]");
    let untruth = b.0.select(test, zero, one).unwrap();
    assert_eq!(b.text(untruth), "~x[3]");
    let (big, small) = (b.c(0x700), b.c(0));
    let constants = b.0.select(test, big, small).unwrap();
    assert_eq!(b.text(constants), "if x[3] then 0x700 else 0");
}

#[test]
fn arithmetic_reads_as_c() {
    let mut b = Built(arena());
    let x = b.x();
    let y = b.0.input(1, Width::W64).unwrap();
    let up = b.op(Add, x, 1);
    assert_eq!(b.op(Sub, up, 1), x);
    let down = b.op(Sub, x, 1);
    assert_eq!(b.text(down), "x - 1");
    let product = b.0.mul(x, y).unwrap();
    assert_eq!(b.0.mul(y, x).unwrap(), product);
    let sum = b.0.add(product, y).unwrap();
    let scaled = b.op(Mul, sum, 5);
    assert_eq!(b.text(scaled), "(y + x * y) * 5".replace("y + x * y", &b.text(sum)));
    let shift = b.op(ShrS, x, 3);
    assert_eq!(b.text(shift), "x >>s 3");
    let turned = b.op(Rotl, x, 8);
    assert_eq!(b.text(turned), "rotl(x, 8)");
    let quotient = b.0.binary(UDiv, x, y).unwrap();
    assert_eq!(b.text(quotient), "x /u y");
    let less = b.0.slt(x, y).unwrap();
    assert_eq!(b.text(less), "x <s y");
    let not_less = b.0.ule(y, x).unwrap();
    assert_eq!(b.text(not_less), "x >=u y");
    let flipped = b.0.not(x).unwrap();
    assert_eq!(b.text(flipped), "~x");
    let ends = b.0.unary(UnaryOp::Ctz, x).unwrap();
    assert_eq!(b.text(ends), "ctz(x)");
    let low = b.op(And, up, 0xff);
    assert_eq!(b.text(low), "(x + 1)[7:0]");
}

#[test]
fn moved_fields_are_listed_from_the_top() {
    let mut b = Built(arena());
    let x = b.x();
    let low = b.op(And, x, 0xffff_ffff_0000);
    let high = b.op(And, x, 0xf000);
    let high = b.op(Shl, high, 36);
    let whole = b.0.or(low, high).unwrap();
    let pfn = b.op(ShrU, whole, 16);
    assert_eq!(b.text(pfn), "x[15:12] << 32 | x[47:16]");
}

#[test]
fn byte_order_reversed_twice_is_the_word() {
    fn reversed(b: &mut Built, x: ExprId) -> ExprId {
        let mut result = b.c(0);
        for byte in 0..8 {
            let at = b.op(ShrU, x, 8 * byte);
            let at = b.op(And, at, 0xff);
            let at = b.op(Shl, at, 56 - 8 * byte);
            result = b.0.or(result, at).unwrap();
        }
        result
    }
    let mut b = Built(arena());
    let x = b.x();
    let once = reversed(&mut b, x);
    assert_eq!(reversed(&mut b, once), x);
}

#[test]
fn tables_are_cut_to_what_the_index_reaches() {
    let mut b = Built(arena());
    let x = b.x();
    let index = b.op(And, x, 3);
    let table = b.0.add_table(Table { width: Width::W32, values: vec![5, 6, 7, 9, 100, 200] });
    let entry = b.0.lookup(table, index).unwrap();
    assert_eq!(b.text(entry), "{5, 6, 7, 9}[x[1:0]]");
    assert_eq!((b.0.facts(entry).min, b.0.facts(entry).max), (5, 9));
    let at = b.c(2);
    let constant = b.0.lookup(table, at).unwrap();
    assert_eq!(b.0.as_const(constant), Some(7));
    let at = b.c(6);
    let beyond = b.0.lookup(table, at).unwrap();
    assert!(b.0.is_zero(beyond));
    let flat = b.0.add_table(Table { width: Width::W32, values: vec![5; 4] });
    let flat = b.0.lookup(flat, index).unwrap();
    assert_eq!(b.0.as_const(flat), Some(5));
}

#[test]
fn long_parts_that_are_shared_get_names() {
    let mut b = Built(arena());
    let x = b.x();
    let y = b.0.input(1, Width::W64).unwrap();
    let sum = b.0.add(x, y).unwrap();
    let part = b.0.mul(sum, x).unwrap();
    let part = b.0.binary(UDiv, part, y).unwrap();
    let part = b.op(Mul, part, 0x1234_5677);
    let other = b.op(Rotl, part, 5);
    let both = b.0.sub(part, other).unwrap();
    assert_eq!(
        b.text(both),
        "t1 - rotl(t1, 5) where t1 = (x + y) * x /u y * 0x12345677".replace("(x + y) * x", "x * (x + y)")
    );
}
