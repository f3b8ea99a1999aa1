//! Statements of the grammar: decisions, loops, memory and what a plugin must not do.

use wasm_encoder::{BlockType, Instruction as I};

use super::words::{Writer, at};
use super::{FRAME, targets};

/// Open loops at most.
const LOOPS_MAX: u32 = 2;

impl Writer<'_, '_, '_> {
    fn set(&mut self, depth: u32) {
        self.wide(depth);
        let local = match self.random.below(5) {
            0 => 0,
            1 => self.own(1),
            _ => self.own(0),
        };
        // The first argument is a word of 64 bits in every helper that has one.
        let local = if self.own(0) == 0 { self.own(0) } else { local };
        self.code.push(I::LocalSet(local));
    }

    /// A statement: leaves the stack as it was.
    pub fn statement(&mut self, depth: u32) {
        if depth == 0 {
            return self.set(1);
        }
        let d = depth - 1;
        match self.random.below(20) {
            0..=3 => self.set(depth),
            4 => {
                self.narrow(depth);
                self.code.push(I::LocalSet(self.own(3)));
            }
            5 | 6 => {
                self.truth(d);
                self.code.push(I::If(BlockType::Empty));
                self.statement(d);
                self.code.push(I::Else);
                self.statement(d);
                self.code.push(I::End);
            }
            7 => {
                self.truth(d);
                self.code.push(I::If(BlockType::Empty));
                self.statement(d);
                self.code.push(I::End);
            }
            8 => {
                self.code.push(I::Block(BlockType::Empty));
                self.statement(d);
                self.truth(d);
                self.code.push(I::BrIf(0));
                self.statement(d);
                self.code.push(I::End);
            }
            9 => self.diamonds(),
            10 => self.cases(d),
            11 | 12 if self.loops < LOOPS_MAX => self.counted_loop(d),
            13 if self.loops == 0 => self.data_loop(),
            14 => self.early_return(d),
            15 => self.trap(),
            16 if self.frame => self.store(d),
            17 if self.frame => self.conditional_store(),
            18 if self.guard() => {
                self.call(d);
                self.code.push(I::Drop);
            }
            18 => self.keep_state(),
            _ => self.set(depth),
        }
    }

    /// Many decisions in a row, each about one bit.
    fn diamonds(&mut self) {
        let (word, count) = (self.own(0), 2 + self.random.below(10));
        for _ in 0..count {
            self.truth(0);
            self.code.push(I::If(BlockType::Empty));
            let flag = 1_u64 << self.random.below(64);
            let flag = I::I64Const(flag.cast_signed());
            let operator = if self.random.one_in(2) { I::I64Xor } else { I::I64Or };
            self.code.extend([I::LocalGet(word), flag, operator, I::LocalSet(word), I::End]);
        }
    }

    /// A `br_table` with a statement for each case.
    fn cases(&mut self, d: u32) {
        let lists: [(&'static [u32], u32); 5] =
            [(&[0, 1], 2), (&[2, 0, 1], 0), (&[1, 1, 0], 2), (&[0], 1), (&[0, 1, 2, 0], 1)];
        let (list, default) = self.random.pick(&lists);
        let mask = self.random.pick(&[1, 3, 7]);
        self.code.extend([I::Block(BlockType::Empty), I::Block(BlockType::Empty), I::Block(BlockType::Empty)]);
        self.narrow(d);
        self.code.extend([I::I32Const(mask), I::I32And, I::BrTable(targets(list), default), I::End]);
        self.statement(d);
        self.code.extend([I::Br(1), I::End]);
        self.statement(d);
        self.code.push(I::End);
    }

    /// A loop that counts: up to a constant, or up to some bits of a word.
    fn counted_loop(&mut self, d: u32) {
        let counter = self.own(4 + self.loops);
        self.loops += 1;
        let rounds = self.random.pick(&[2, 3, 5, 9, 12, 20]);
        self.code.extend([I::I32Const(0), I::LocalSet(counter), I::Block(BlockType::Empty), I::Loop(BlockType::Empty)]);
        self.statement(d.min(1));
        if self.random.one_in(3) {
            self.truth(1);
            self.code.push(I::BrIf(1));
        }
        if self.guard() {
            self.code.extend([I::LocalGet(counter), I::I32Const(1), I::I32Add, I::LocalTee(counter)]);
        } else {
            self.code.push(I::LocalGet(counter));
        }
        if self.random.one_in(3) {
            self.narrow(0);
            self.code.extend([I::I32Const(7), I::I32And]);
        } else {
            self.code.push(I::I32Const(rounds));
        }
        self.code.extend([I::I32LtU, I::BrIf(0), I::End, I::End]);
        self.loops -= 1;
    }

    /// A loop that ends because it clears or moves out the bits of a word.
    fn data_loop(&mut self) {
        let (word, sum) = (self.own(0), self.own(1));
        let mask = if self.guard() { self.random.pick(&[0xf0f, 0x8421, 0xff, 0x1]) } else { -1 };
        self.code.extend([I::LocalGet(word), I::I64Const(mask), I::I64And, I::LocalSet(word)]);
        self.code.extend([I::Block(BlockType::Empty), I::Loop(BlockType::Empty)]);
        self.code.extend([I::LocalGet(word), I::I64Eqz, I::BrIf(1)]);
        self.code.extend([I::LocalGet(sum), I::LocalGet(word), I::I64Add, I::LocalSet(sum), I::LocalGet(word)]);
        if self.random.one_in(2) {
            self.code.extend([I::I64Const(1), I::I64ShrU]);
        } else {
            self.code.extend([I::LocalGet(word), I::I64Const(1), I::I64Sub, I::I64And]);
        }
        self.code.extend([I::LocalSet(word), I::Br(0), I::End, I::End]);
    }

    fn early_return(&mut self, d: u32) {
        if self.loops > 0 || !self.returns_wide {
            return self.set(d);
        }
        self.truth(d);
        self.code.push(I::If(BlockType::Empty));
        if self.frame && self.guard() {
            self.move_stack(FRAME);
        }
        self.wide(d);
        self.code.extend([I::Return, I::End]);
    }

    /// A trap that cannot happen, or only just.
    fn trap(&mut self) {
        if self.guard() {
            // No square is 2 modulo 8.
            self.wide(0);
            self.code.extend([
                I::I64Const(7),
                I::I64And,
                I::LocalTee(self.own(2)),
                I::LocalGet(self.own(2)),
                I::I64Mul,
            ]);
            self.code.extend([I::I64Const(7), I::I64And, I::I64Const(2), I::I64Eq]);
        } else {
            self.wide(1);
            let value = self.constant().cast_signed();
            self.code.extend([I::I64Const(value), I::I64Eq]);
        }
        self.code.extend([I::If(BlockType::Empty), I::Unreachable, I::End]);
    }

    fn store(&mut self, d: u32) {
        self.code.push(I::GlobalGet(0));
        let slot = 8 * self.random.below(4);
        match self.random.below(5) {
            0 => {
                self.narrow(d);
                self.code.push(I::I32Store(at(slot + 4 * self.random.below(2), 2)));
            }
            1 => {
                self.wide(d);
                self.code.push(I::I64Store8(at(slot + self.random.below(8), 0)));
            }
            2 => {
                self.wide(d);
                self.code.push(I::I64Store16(at(slot + self.random.below(7), 0)));
            }
            _ => {
                self.wide(d);
                self.code.push(I::I64Store(at(slot, 3)));
            }
        }
    }

    /// A word below the frame's slots that is stored on one path and loaded where that path was taken.
    fn conditional_store(&mut self) {
        let flag = self.own(6);
        self.truth(1);
        self.code.push(I::LocalTee(flag));
        self.code.extend([I::If(BlockType::Empty), I::GlobalGet(0), I::I32Const(16), I::I32Sub]);
        self.wide(1);
        self.code.extend([I::I64Store(at(0, 3)), I::End]);
        if self.guard() {
            self.code.push(I::LocalGet(flag));
        } else {
            self.code.push(I::I32Const(1));
        }
        self.code.extend([I::If(BlockType::Empty), I::GlobalGet(0), I::I32Const(16), I::I32Sub, I::I64Load(at(0, 3))]);
        self.code.extend([I::LocalSet(self.own(1)), I::End]);
    }

    /// State that outlives the call: a global or memory beside the stack.
    fn keep_state(&mut self) {
        match self.random.below(3) {
            0 => {
                self.wide(1);
                self.code.push(I::GlobalSet(1));
            }
            1 => {
                self.code.push(I::I32Const(self.random.pick(&[1024, 9000, 8190])));
                self.wide(1);
                self.code.push(I::I64Store(at(0, 0)));
            }
            _ => {
                // Put back at once, which is no state.
                self.wide(1);
                self.code.extend([I::GlobalSet(1), I::I64Const(0x5a), I::GlobalSet(1)]);
            }
        }
    }
}
