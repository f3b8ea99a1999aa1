//! Expressions of the grammar that leave a word of 32 bits: numbers, and truth values of 0 and 1.

use wasm_encoder::{Instruction as I, ValType};

use super::words::Writer;

impl Writer<'_, '_, '_> {
    /// Leaves a word of 32 bits.
    pub fn narrow(&mut self, depth: u32) {
        if self.is_leaf(depth) {
            match self.random.below(4) {
                0 => self.narrow_constant(),
                1 if self.params.get(1) == Some(&ValType::I32) => self.code.push(I::LocalGet(1)),
                1 => self.code.push(I::LocalGet(self.own(3))),
                _ => {
                    self.wide_local();
                    self.code.push(I::I32WrapI64);
                }
            }
            return;
        }
        let d = depth - 1;
        match self.random.below(9) {
            0 | 1 => {
                self.wide(d);
                self.code.push(I::I32WrapI64);
            }
            2 | 3 => self.truth(d),
            4 if !self.setting.imports.is_empty() => {
                let import = self.random.place(self.setting.imports.len());
                self.code.push(I::Call(u32::try_from(import).unwrap_or(u32::MAX)));
            }
            5 => {
                self.narrow(d);
                let operators = [I::I32Clz, I::I32Ctz, I::I32Popcnt, I::I32Extend8S, I::I32Extend16S];
                let at = self.random.place(operators.len());
                self.code.push(operators[at].clone());
            }
            6 => {
                self.narrow(d);
                self.narrow(d.min(1));
                let guarded = self.guard();
                if guarded {
                    self.code.extend([I::I32Const(1), I::I32Or, I::I32Const(i32::MAX), I::I32And]);
                }
                let operators = [I::I32DivS, I::I32DivU, I::I32RemS, I::I32RemU];
                let at = self.random.place(operators.len());
                self.code.push(operators[at].clone());
            }
            _ => {
                self.narrow(d);
                self.narrow(d);
                let operators = [
                    I::I32Add,
                    I::I32Sub,
                    I::I32And,
                    I::I32Or,
                    I::I32Xor,
                    I::I32Shl,
                    I::I32ShrS,
                    I::I32ShrU,
                    I::I32Rotl,
                    I::I32Rotr,
                    I::I32Mul,
                ];
                let at = self.random.place(operators.len());
                self.code.push(operators[at].clone());
            }
        }
    }

    /// Leaves 0 or 1.
    pub fn truth(&mut self, depth: u32) {
        let d = depth.saturating_sub(1);
        match self.random.below(8) {
            0..=2 => {
                self.wide(d);
                let bit = self.random.below(64).cast_signed();
                self.code.extend([I::I64Const(bit), I::I64ShrU, I::I32WrapI64, I::I32Const(1), I::I32And]);
            }
            3 => {
                // The shape of `(x & mask) == value`.
                self.wide(d);
                let mask = self.constant();
                let value = mask & self.constant();
                self.code.extend([
                    I::I64Const(mask.cast_signed()),
                    I::I64And,
                    I::I64Const(value.cast_signed()),
                    I::I64Eq,
                ]);
            }
            4 => {
                self.wide(d);
                self.code.push(I::I64Eqz);
            }
            5 if depth > 0 => {
                self.truth(d);
                self.truth(d);
                let operators = [I::I32And, I::I32Or, I::I32Xor, I::I32Eq];
                let at = self.random.place(operators.len());
                self.code.push(operators[at].clone());
            }
            6 => {
                self.narrow(d);
                self.narrow(d);
                let operators = [I::I32Eq, I::I32Ne, I::I32LtS, I::I32LtU, I::I32GtS, I::I32LeU, I::I32GeS, I::I32GeU];
                let at = self.random.place(operators.len());
                self.code.push(operators[at].clone());
            }
            _ => {
                self.wide(d);
                self.wide(d);
                let operators =
                    [I::I64Eq, I::I64Ne, I::I64LtS, I::I64LtU, I::I64GtS, I::I64GtU, I::I64LeS, I::I64LeU, I::I64GeS];
                let at = self.random.place(operators.len());
                self.code.push(operators[at].clone());
            }
        }
    }
}
