//! Expressions of the grammar that leave a word of 64 bits, and the writer of functions.

use ptwalk_abi::Signature;
use wasm_encoder::{BlockType, Function, Instruction as I, MemArg, ValType};

use super::{DATA, FRAME, Guards, MORE_DATA, NARROW_BITS, Setting, function};
use crate::fuzz::random::Random;

/// Masks, fields and flags of page-table entries, whose neighbours are worth a try too.
const ENTRY_CONSTANTS: [u64; 16] = [
    0xfff,
    0xffff_ffff_f000,
    0x000f_ffff_ffff_f000,
    0x001f_ffff_ffff_f000,
    0x0060_0000_0000_0000,
    0x0068_0000_0000_0703,
    0x00e8_0000_0000_0f53,
    0x0001_ffff_ffff_ffff,
    1 << 58,
    1 << 57,
    1 << 63,
    1,
    3,
    0x703,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff,
];

/// Writes one function.
pub(super) struct Writer<'r, 'b, 's> {
    pub random: &'r mut Random<'b>,
    pub setting: &'s Setting,
    pub code: Vec<I<'static>>,
    /// Inner functions that this one may call: those before it.
    pub callees: usize,
    guards: Guards,
    /// Guards that there were so far, in all functions.
    guarded: &'r mut u64,
    /// It has a frame on the shadow stack.
    pub frame: bool,
    /// Loops that are open.
    pub loops: u32,
    /// Its result has 64 bits.
    pub returns_wide: bool,
    pub params: Vec<ValType>,
}

impl<'r, 'b, 's> Writer<'r, 'b, 's> {
    pub fn new(
        random: &'r mut Random<'b>,
        setting: &'s Setting,
        callees: usize,
        (guards, guarded): (Guards, &'r mut u64),
        params: &[ValType],
    ) -> Writer<'r, 'b, 's> {
        let (code, params) = (Vec::new(), params.to_vec());
        Writer { random, setting, code, callees, guards, guarded, frame: false, loops: 0, returns_wide: true, params }
    }

    /// A local of its own: three of 64 bits, then four of 32.
    pub fn own(&self, number: u32) -> u32 {
        u32::try_from(self.params.len()).unwrap_or(0) + number
    }

    fn locals(&self) -> [(u32, ValType); 2] {
        [(3, ValType::I64), (4, ValType::I32)]
    }

    /// An inner function.
    pub fn inner(mut self) -> Function {
        self.begin();
        for _ in 0..self.random.below(3) {
            self.statement(2);
        }
        self.wide(2);
        self.finish()
    }

    /// The function behind an export.
    pub fn export(mut self, signature: Signature, narrow: bool) -> Function {
        self.returns_wide = signature.result() == ptwalk_abi::ValType::I64;
        if narrow {
            self.narrow_arguments();
        }
        self.begin();
        let statements = 1 + self.random.below(self.setting.size.statements);
        for _ in 0..statements {
            let depth = 1 + u32::from(self.random.one_in(2));
            self.statement(depth);
        }
        match signature.result() {
            ptwalk_abi::ValType::I64 => self.wide(3),
            ptwalk_abi::ValType::I32 if signature.is_bool() && self.guard() => self.truth(3),
            ptwalk_abi::ValType::I32 => self.narrow(3),
        }
        self.finish()
    }

    /// Spreads the low bits of the arguments over the words, so that nothing else of them counts.
    fn narrow_arguments(&mut self) {
        for (local, (ty, bits)) in (0..).zip(self.params.clone().into_iter().zip(NARROW_BITS)) {
            let (low, high) = (self.random.below(30), 30 + self.random.below(30));
            let half = bits / 2;
            let mask = (1_i64 << half) - 1;
            if ty == ValType::I32 {
                self.code.extend([I::LocalGet(local), I::I32Const((1 << bits) - 1), I::I32And, I::LocalSet(local)]);
                continue;
            }
            let shift = |by: u64| I::I64Const(by.cast_signed());
            self.code.extend([I::LocalGet(local), I::I64Const(mask), I::I64And, shift(low), I::I64Shl]);
            self.code.extend([I::LocalGet(local), shift(half.into()), I::I64ShrU, I::I64Const(mask), I::I64And]);
            self.code.extend([shift(high), I::I64Shl, I::I64Or, I::LocalSet(local)]);
        }
    }

    fn begin(&mut self) {
        self.frame = self.random.one_in(3);
        if self.frame {
            self.move_stack(-FRAME);
            for slot in 0..4 {
                if self.guard() {
                    self.code.push(I::GlobalGet(0));
                    self.wide(1);
                    self.code.push(I::I64Store(at(8 * slot, 3)));
                }
            }
        }
        self.wide(1);
        self.code.push(I::LocalSet(self.own(0)));
    }

    fn finish(mut self) -> Function {
        if self.frame && self.guard() {
            self.move_stack(FRAME);
        }
        function(&self.locals(), &self.code)
    }

    /// Moves the stack pointer.
    pub fn move_stack(&mut self, by: i32) {
        self.code.extend([I::GlobalGet(0), I::I32Const(by), I::I32Add, I::GlobalSet(0)]);
    }

    /// Whether what keeps something bad from happening is written: mostly.
    pub fn guard(&mut self) -> bool {
        let number = *self.guarded;
        *self.guarded += 1;
        match self.guards {
            Guards::All => true,
            Guards::Careless(one_in) => !self.random.one_in(one_in),
            Guards::AllBut(without) => number != without,
        }
    }

    pub fn is_leaf(&mut self, depth: u32) -> bool {
        depth == 0 || self.code.len() > self.setting.size.instructions || self.random.one_in(6)
    }

    pub fn constant(&mut self) -> u64 {
        match self.random.below(8) {
            0 => 1 << self.random.below(64),
            1 => !(1 << self.random.below(64)),
            2 => self.random.below(70),
            3 => self.random.word(),
            4 => self.random.pick(&ENTRY_CONSTANTS).wrapping_add(self.random.below(3)).wrapping_sub(1),
            5 => !self.random.pick(&ENTRY_CONSTANTS),
            _ => self.random.pick(&ENTRY_CONSTANTS),
        }
    }

    fn wide_constant(&mut self) {
        let value = self.constant().cast_signed();
        self.code.push(I::I64Const(value));
    }

    pub fn narrow_constant(&mut self) {
        let [a, b, c, d, ..] = self.constant().to_le_bytes();
        self.code.push(I::I32Const(i32::from_le_bytes([a, b, c, d])));
    }

    /// A local of 64 bits, the first argument more often than not.
    pub fn wide_local(&mut self) {
        let choice = self.random.below(6);
        let local = match choice {
            0..=2 if self.params.first() == Some(&ValType::I64) => 0,
            3 if self.params.get(1) == Some(&ValType::I64) => 1,
            _ => self.own(u32::from(choice.is_multiple_of(2))),
        };
        self.code.push(I::LocalGet(local));
    }

    /// Leaves a word of 64 bits.
    pub fn wide(&mut self, depth: u32) {
        if self.is_leaf(depth) {
            return if self.random.one_in(3) { self.wide_constant() } else { self.wide_local() };
        }
        let d = depth - 1;
        match self.random.below(16) {
            0..=3 => self.wide_operator(d),
            4 => self.unary(d),
            5 => {
                self.narrow(d);
                let signed = self.random.one_in(2);
                self.code.push(if signed { I::I64ExtendI32S } else { I::I64ExtendI32U });
            }
            6 => {
                self.wide(d);
                self.wide(d);
                self.truth(d);
                self.code.push(I::Select);
            }
            7 | 8 => self.field(d),
            9 => self.load(d),
            10 => self.call(d),
            11 => {
                self.truth(d);
                self.code.push(I::If(BlockType::Result(ValType::I64)));
                self.wide(d);
                self.code.push(I::Else);
                self.wide(d);
                self.code.push(I::End);
            }
            12 => {
                self.code.push(I::Block(BlockType::Result(ValType::I64)));
                self.wide(d);
                self.truth(d);
                self.code.extend([I::BrIf(0), I::Drop]);
                self.wide(d);
                self.code.push(I::End);
            }
            13 if self.frame => self.reload(),
            13 | 14 => self.moved_flag(d),
            _ => {
                // A flag set where a condition holds.
                self.wide(d);
                let flag = 1_u64 << self.random.below(64);
                self.code.extend([I::I64Const(flag.cast_signed()), I::I64Const(0)]);
                self.truth(d);
                self.code.extend([I::Select, I::I64Or]);
            }
        }
    }

    fn wide_operator(&mut self, d: u32) {
        let operators = [
            I::I64Add,
            I::I64Sub,
            I::I64And,
            I::I64Or,
            I::I64Xor,
            I::I64Shl,
            I::I64ShrS,
            I::I64ShrU,
            I::I64Rotl,
            I::I64Rotr,
            I::I64And,
            I::I64Or,
            I::I64Xor,
            I::I64Sub,
        ];
        self.wide(d);
        match self.random.below(18) {
            0 => {
                self.wide_constant();
                self.code.push(I::I64Mul);
            }
            1 | 4 => self.divide(d),
            3 => {
                // Something taken back from a sum.
                self.code.push(I::LocalTee(self.own(2)));
                self.wide(0);
                self.code.extend([I::I64Add, I::LocalGet(self.own(2)), I::I64Sub]);
            }
            2 => {
                // The same word again, as clearing its lowest bit or taking something back does.
                self.code.push(I::LocalTee(self.own(2)));
                self.code.push(I::LocalGet(self.own(2)));
                let again = self.random.pick(&[I64_NEGATED, I64_PREDECESSOR, I64_DOUBLED]);
                self.code.extend(again.iter().cloned());
            }
            _ => {
                self.wide(d);
                let at = self.random.place(operators.len());
                self.code.push(operators[at].clone());
            }
        }
    }

    /// A division or remainder of the word on the stack.
    fn divide(&mut self, d: u32) {
        let (mut signed, mut remainder) = (self.random.one_in(2), self.random.one_in(2));
        if self.random.one_in(2) {
            let mut divisor = self.random.pick(&[1, 2, 3, 8, 10, 512, 4096, 1 << 40]);
            if !self.guard() {
                // The least number divided by -1 traps.
                (signed, remainder, divisor) = (true, false, -1);
                self.code.push(I::Drop);
                self.wide_local();
            }
            self.code.push(I::I64Const(divisor));
        } else if self.random.one_in(4) {
            // By itself, which is 1 but for 0.
            self.code.extend([I::LocalTee(self.own(2)), I::LocalGet(self.own(2))]);
            if self.guard() {
                self.code.extend([I::I64Const(2), I::I64Or]);
            }
        } else {
            self.wide(d.min(1));
            if self.guard() {
                let positive = if signed { i64::MAX } else { -1 };
                self.code.extend([I::I64Const(1), I::I64Or, I::I64Const(positive), I::I64And]);
            }
        }
        self.code.push(match (signed, remainder) {
            (true, false) => I::I64DivS,
            (true, true) => I::I64RemS,
            (false, false) => I::I64DivU,
            (false, true) => I::I64RemU,
        });
    }

    fn unary(&mut self, d: u32) {
        self.wide(d);
        let operators = [I::I64Clz, I::I64Ctz, I::I64Popcnt, I::I64Extend8S, I::I64Extend16S, I::I64Extend32S];
        let at = self.random.place(operators.len());
        self.code.push(operators[at].clone());
    }

    /// A field of a word: masked and moved, or moved and masked.
    fn field(&mut self, d: u32) {
        self.wide(d);
        let amount =
            I::I64Const(self.random.pick(&[1, 6, 9, 10, 12, 14, 16, 21, 30, 39, 48, 52, 55, 57, 58, 63, 64, 76]));
        let signed = self.random.one_in(8);
        let shift = if signed { I::I64ShrS } else { I::I64ShrU };
        let mask = I::I64Const(self.constant().cast_signed());
        match self.random.below(3) {
            0 => self.code.extend([mask, I::I64And, amount, shift]),
            1 => self.code.extend([amount, shift, mask, I::I64And]),
            _ => self.code.extend([mask, I::I64And]),
        }
    }

    /// A flag in another place.
    fn moved_flag(&mut self, d: u32) {
        self.wide(d);
        let (from, to) = (self.random.below(64).cast_signed(), self.random.below(64).cast_signed());
        self.code.extend([I::I64Const(from), I::I64ShrU, I::I64Const(1), I::I64And, I::I64Const(to), I::I64Shl]);
    }

    /// A load from data, at a computed address or a constant one.
    fn load(&mut self, d: u32) {
        let (op, bytes): (fn(MemArg) -> I<'static>, u64) = self.random.pick(&[
            (I::I64Load as fn(MemArg) -> I<'static>, 8),
            (I::I64Load32S, 4),
            (I::I64Load32U, 4),
            (I::I64Load16S, 2),
            (I::I64Load16U, 2),
            (I::I64Load8S, 1),
            (I::I64Load8U, 1),
        ]);
        let len = self.setting.data.len() as u64;
        if self.setting.more.is_some() && self.random.one_in(3) {
            // Either piece of data: a bit says which, others where; without a guard, a little beyond.
            let step = if self.guard() {
                self.narrow(d);
                0x40 - 8
            } else {
                self.wide_local();
                self.code.push(I::I32WrapI64);
                0x80 - 1
            };
            let pieces = i32::try_from(MORE_DATA - DATA).unwrap_or(0);
            self.code.extend([I::I32Const(pieces | step), I::I32And]);
            return self.code.push(op(at(DATA, 0)));
        }
        if self.random.one_in(4) {
            let beyond = if self.guard() { 0 } else { self.random.pick(&[1, 65_536]) };
            let address = i32::try_from(self.random.below(len - bytes) + beyond).unwrap_or(0);
            self.code.push(I::I32Const(address));
        } else {
            self.narrow(d);
            // The largest mask that stays inside the data, often with its low bits clear, as for entries of a table.
            let mut mask = (len - bytes + 1).next_power_of_two() / 2 - 1;
            if self.random.one_in(2) {
                mask &= !(bytes - 1);
            }
            let unguarded = !self.guard();
            let backwards = unguarded && self.random.one_in(3);
            if unguarded && !backwards {
                mask = self.random.pick(&[0xff, 0x1ff, 0xffff, 0xffff_ffff]);
            }
            let [a, b, c, e, ..] = mask.to_le_bytes();
            self.code.extend([I::I32Const(i32::from_le_bytes([a, b, c, e])), I::I32And]);
            if backwards {
                // Would be in the data if addresses wrapped.
                self.code.extend([I::I32Const(-4096), I::I32Add]);
                return self.code.push(op(at(DATA + 4096, 0)));
            }
        }
        let base = if self.setting.more.is_some() && self.random.one_in(4) { MORE_DATA } else { DATA };
        // The other piece is shorter: what it does not hold is found out.
        self.code.push(op(at(base, 0)));
    }

    fn reload(&mut self) {
        self.code.push(I::GlobalGet(0));
        let slot = 8 * self.random.below(4);
        let load = match self.random.below(6) {
            0 => I::I64Load32U(at(slot, 2)),
            1 => I::I64Load8S(at(slot + self.random.below(8), 0)),
            2 => I::I64Load16U(at(slot + self.random.below(7), 0)),
            _ => I::I64Load(at(slot, 3)),
        };
        self.code.push(load);
    }

    /// A call of an inner function.
    pub fn call(&mut self, d: u32) {
        if self.callees == 0 {
            return self.wide_local();
        }
        let callee = self.random.place(self.callees);
        for ty in self.setting.inner[callee].clone() {
            if ty == ValType::I64 { self.wide(d) } else { self.narrow(d) }
        }
        let index = self.setting.imports.len() + callee;
        self.code.push(I::Call(u32::try_from(index).unwrap_or(u32::MAX)));
    }
}

const I64_NEGATED: &[I<'static>] = &[I::I64Const(-1), I::I64Xor, I::I64And];
const I64_PREDECESSOR: &[I<'static>] = &[I::I64Const(1), I::I64Sub, I::I64And];
const I64_DOUBLED: &[I<'static>] = &[I::I64Add];

/// A place in memory.
pub(super) fn at(offset: u64, align: u32) -> MemArg {
    MemArg { offset, align, memory_index: 0 }
}
