//! Closed forms as machine code: straight-line bodies, one loop around them.
//!
//! In: the [`Forms`] of a query. Out: the bytes of two functions, [`Function::Scan`] and [`Function::Record`], for the
//! processor that runs this. Guaranteed: no call, no relocation, no instruction that could trap without a guard before it; memory is touched only through the pointers that
//! the caller gives, `count` words from each, and in the tables that come with the code. Not handled: that Cranelift translates faithfully, which the self-test
//! samples.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I32, I64};
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, Endianness, Function as Ir, InstBuilder, MemFlagsData, Signature, Type, UserFuncName,
    Value,
};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CodegenError, Context};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use ptwalk_verifier::expr::{Arena, BinaryOp, CompareOp, ExprId, Node, TableId, UnaryOp, Width};
use ptwalk_verifier::fault::{Fault, seeded};
use thiserror::Error;

use super::forms::Forms;

/// Why there is no code.
#[derive(Debug, Error)]
pub enum CodegenFailure {
    /// Cranelift does not know this processor.
    #[error("no code for this processor: {what}")]
    Host {
        /// What it said.
        what: String,
    },
    /// Cranelift failed on a function.
    #[error("cranelift: {what}")]
    Compile {
        /// What it said.
        what: String,
    },
    /// The code refers to something outside of itself.
    #[error("the code of {function} is not self-contained")]
    Relocation {
        /// Which function.
        function: &'static str,
    },
}

/// What to compile.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    /// `(entries, count, first << frame_bits, words) -> kept`.
    Scan {
        /// Ends before the first entry that is not kept.
        until: bool,
        /// Entries are stored most significant byte first.
        big_endian: bool,
        /// Where the index begins in a word.
        index_shift: u32,
    },
    /// `(entry, record)`: stores facts and target.
    Record,
}

/// Translates functions for the processor that runs this.
pub(super) struct Compiler {
    isa: OwnedTargetIsa,
    context: Context,
    builder: FunctionBuilderContext,
    tables: HashMap<TableId, Box<[u64]>>,
}

/// Entries that one pass of the loop of a scan takes.
const UNROLL: i32 = 4;

impl Compiler {
    /// A compiler for this processor.
    pub fn new() -> Result<Compiler, CodegenFailure> {
        let host = |what: String| CodegenFailure::Host { what };
        let mut flags = settings::builder();
        for (name, value) in [("opt_level", "speed"), ("enable_verifier", "false"), ("unwind_info", "false")] {
            flags.set(name, value).map_err(|error| host(error.to_string()))?;
        }
        let isa = cranelift_native::builder().map_err(|what| host(what.to_owned()))?;
        let isa = isa.finish(settings::Flags::new(flags)).map_err(|error| host(error.to_string()))?;
        Ok(Compiler { isa, context: Context::new(), builder: FunctionBuilderContext::new(), tables: HashMap::new() })
    }

    /// The code of one function.
    pub fn compile(&mut self, arena: &Arena, forms: &Forms, function: Function) -> Result<Vec<u8>, CodegenFailure> {
        self.context.clear();
        let params = match function {
            Function::Scan { .. } => 4,
            Function::Record => 2,
        };
        let mut signature = Signature::new(self.isa.default_call_conv());
        signature.params.extend((0..params).map(|_| AbiParam::new(I64)));
        if let Function::Scan { .. } = function {
            signature.returns.push(AbiParam::new(I64));
        }
        self.context.func = Ir::with_name_signature(UserFuncName::default(), signature);
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let mut body = Body { arena, forms, builder: &mut builder, tables: &mut self.tables };
        match function {
            Function::Scan { until, big_endian, index_shift } => body.scan(until, big_endian, index_shift),
            Function::Record => body.record(),
        }
        builder.seal_all_blocks();
        builder.finalize(self.isa.frontend_config());
        let code = self.context.compile(&*self.isa, &mut Default::default()).map_err(|error| {
            let inner: CodegenError = error.inner;
            CodegenFailure::Compile { what: inner.to_string() }
        })?;
        if !code.buffer.relocs().is_empty() {
            let function = if let Function::Record = function { "record" } else { "scan" };
            return Err(CodegenFailure::Relocation { function });
        }
        Ok(code.code_buffer().to_vec())
    }

    /// The constant tables that the code reads. It must not outlive them.
    pub fn into_tables(self) -> Vec<Box<[u64]>> {
        self.tables.into_values().collect()
    }
}

/// A function being built.
struct Body<'a, 'b> {
    arena: &'a Arena,
    forms: &'a Forms,
    builder: &'a mut FunctionBuilder<'b>,
    tables: &'a mut HashMap<TableId, Box<[u64]>>,
}

impl Body<'_, '_> {
    fn enter(&mut self) -> Vec<Value> {
        let block = self.builder.create_block();
        self.builder.append_block_params_for_function_params(block);
        self.builder.switch_to_block(block);
        self.builder.block_params(block).to_vec()
    }

    fn constant(&mut self, ty: Type, value: u64) -> Value {
        self.builder.ins().iconst(ty, value.cast_signed())
    }

    fn record(&mut self) {
        let params = self.enter();
        let forms = *self.forms;
        let values = self.values(params[0], &[forms.facts, forms.target]);
        let trusted = MemFlagsData::trusted();
        self.builder.ins().store(trusted, values[0], params[1], 0);
        self.builder.ins().store(trusted, values[1], params[1], 8);
        self.builder.ins().return_(&[]);
    }

    /// The loop over entries: blocks take the entry's address, where the next word goes, and the index in its place.
    fn scan(&mut self, until: bool, big_endian: bool, index_shift: u32) {
        let params = self.enter();
        let (entries, count, first, words) = (params[0], params[1], params[2], params[3]);
        let bytes = self.builder.ins().ishl_imm_u(count, 3);
        let end = self.builder.ins().iadd(entries, bytes);
        let done = self.builder.create_block();
        self.builder.append_block_param(done, I64);
        let read = Read { big_endian, step: 1 << index_shift, until: until.then_some(done) };
        let mut state = [entries, words, first];
        if !until {
            let whole = self.builder.ins().band_imm_u(bytes, i64::from(!(UNROLL * 8 - 1)));
            let whole_end = self.builder.ins().iadd(entries, whole);
            state = self.repeat(state, whole_end, UNROLL, &read);
        }
        let [_, after, _] = self.repeat(state, end, 1, &read);
        self.builder.ins().jump(done, &[BlockArg::Value(after)]);
        self.builder.switch_to_block(done);
        let after = self.builder.block_params(done)[0];
        let bytes = self.builder.ins().isub(after, words);
        let kept = self.builder.ins().ushr_imm_u(bytes, 3);
        self.builder.ins().return_(&[kept]);
    }

    /// A loop that takes `unroll` entries a pass until the entry's address is `end`; leaves the builder behind it, where
    /// the state is what is returned.
    fn repeat(&mut self, state: [Value; 3], end: Value, unroll: i32, read: &Read) -> [Value; 3] {
        let [head, pass, behind] = [(); 3].map(|()| self.builder.create_block());
        for _ in state {
            self.builder.append_block_param(head, I64);
        }
        self.builder.ins().jump(head, &state.map(BlockArg::Value));
        self.builder.switch_to_block(head);
        let at = self.state(head);
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, at[0], end);
        self.builder.ins().brif(more, pass, &[], behind, &[]);
        self.builder.switch_to_block(pass);
        let [entry, mut out, mut index] = at;
        for i in 0..unroll {
            (out, index) = self.entry(entry, i * 8, out, index, read);
        }
        let next = self.builder.ins().iadd_imm_u(entry, i64::from(unroll * 8));
        self.builder.ins().jump(head, &[next, out, index].map(BlockArg::Value));
        self.builder.switch_to_block(behind);
        at
    }

    fn state(&self, block: Block) -> [Value; 3] {
        let params = self.builder.block_params(block);
        [params[0], params[1], params[2]]
    }

    /// One entry: its word is stored in any case, and stays if it is kept.
    fn entry(&mut self, entry: Value, offset: i32, out: Value, index: Value, read: &Read) -> (Value, Value) {
        let order = if read.big_endian { Endianness::Big } else { Endianness::Little };
        // Entries lie where the file has them, and dumps are not aligned.
        let flags = MemFlagsData::new().with_notrap();
        let x = self.builder.ins().load(I64, flags, entry, offset);
        let native_big = cfg!(target_endian = "big");
        let x = if (order == Endianness::Big) == native_big { x } else { self.builder.ins().bswap(x) };
        let forms = *self.forms;
        let values = self.values(x, &[forms.keep, forms.word]);
        if let Some(done) = read.until {
            let kept = self.builder.create_block();
            self.builder.ins().brif(values[0], kept, &[], done, &[BlockArg::Value(out)]);
            self.builder.switch_to_block(kept);
        }
        let word = self.builder.ins().bor(values[1], index);
        self.builder.ins().store(MemFlagsData::trusted(), word, out, 0);
        let out = if read.until.is_some() {
            self.builder.ins().iadd_imm_u(out, 8)
        } else {
            let keep = self.builder.ins().uextend(I64, values[0]);
            let bytes = self.builder.ins().ishl_imm_u(keep, 3);
            self.builder.ins().iadd(out, bytes)
        };
        (out, self.builder.ins().iadd_imm_u(index, read.step))
    }

    /// The values of expressions over the entry `x`.
    fn values(&mut self, x: Value, roots: &[ExprId]) -> Vec<Value> {
        let mut values: Vec<Option<Value>> = vec![None; self.arena.len()];
        for id in self.arena.reachable(roots) {
            values[id.index()] = Some(self.value(id, x, &values));
        }
        roots.iter().filter_map(|root| values[root.index()]).collect()
    }

    fn value(&mut self, id: ExprId, x: Value, values: &[Option<Value>]) -> Value {
        let arena = self.arena;
        let width = arena.width(id);
        let get = |id: ExprId| values[id.index()].unwrap_or(x);
        match arena.node(id) {
            Node::Const(value) => self.constant(ty(width), value),
            Node::Input(0) if width == Width::W64 => x,
            Node::Input(0) => self.builder.ins().ireduce(ty(width), x),
            // Other inputs were replaced by constants.
            Node::Input(_) => self.constant(ty(width), 0),
            Node::Not(a) => self.builder.ins().bxor_imm_u(get(a), 1),
            Node::Bit(a, bit) => {
                let mask = self.constant(ty(arena.width(a)), 1 << bit);
                let masked = self.builder.ins().band(get(a), mask);
                self.builder.ins().icmp_imm_u(IntCC::NotEqual, masked, 0)
            }
            Node::Unary(op, a) => match op {
                UnaryOp::Clz => self.builder.ins().clz(get(a)),
                UnaryOp::Ctz => self.builder.ins().ctz(get(a)),
                UnaryOp::Popcnt => self.builder.ins().popcnt(get(a)),
            },
            Node::Binary(op, a, b) => self.binary(op, width, get(a), get(b)),
            Node::Compare(op, a, b) => {
                let code = match op {
                    CompareOp::Eq => IntCC::Equal,
                    CompareOp::Ult if seeded(Fault::CodeCompareSigned) => IntCC::SignedLessThan,
                    CompareOp::Ult => IntCC::UnsignedLessThan,
                    CompareOp::Slt => IntCC::SignedLessThan,
                };
                self.builder.ins().icmp(code, get(a), get(b))
            }
            Node::Select(c, a, b) if seeded(Fault::CodeSelectSwapped) => {
                self.builder.ins().select(get(c), get(b), get(a))
            }
            Node::Select(c, a, b) => self.builder.ins().select(get(c), get(a), get(b)),
            Node::Zext(a) if arena.width(a) == width => get(a),
            Node::Zext(a) if seeded(Fault::CodeExtendSigned) => self.builder.ins().sextend(ty(width), get(a)),
            Node::Zext(a) => self.builder.ins().uextend(ty(width), get(a)),
            Node::Sext(a) => self.builder.ins().sextend(ty(width), get(a)),
            Node::Trunc(a) => self.builder.ins().ireduce(ty(width), get(a)),
            Node::Lookup(table, index) => self.lookup(table, arena.width(index), get(index), width),
        }
    }

    /// Entry `index` of a table, 0 beyond its end.
    fn lookup(&mut self, table: TableId, index_width: Width, index: Value, width: Width) -> Value {
        let arena = self.arena;
        let words = self.tables.entry(table).or_insert_with(|| arena.table(table).values.as_slice().into());
        // The words stay where they are: a box does not move what it holds.
        let (address, len) = (words.as_ptr() as u64, words.len() as u64 - u64::from(seeded(Fault::CodeTableShort)));
        let index = if index_width == Width::W64 { index } else { self.builder.ins().uextend(I64, index) };
        let zero = self.constant(I64, 0);
        let within = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, index, len.cast_signed());
        let index = self.builder.ins().select(within, index, zero);
        let offset = self.builder.ins().ishl_imm_u(index, 3);
        let base = self.constant(I64, address);
        let place = self.builder.ins().iadd(base, offset);
        let word = self.builder.ins().load(I64, MemFlagsData::trusted(), place, 0);
        let word = self.builder.ins().select(within, word, zero);
        if width == Width::W64 { word } else { self.builder.ins().ireduce(ty(width), word) }
    }

    fn binary(&mut self, op: BinaryOp, width: Width, a: Value, b: Value) -> Value {
        match op {
            BinaryOp::And => self.builder.ins().band(a, b),
            BinaryOp::Or => self.builder.ins().bor(a, b),
            BinaryOp::Xor => self.builder.ins().bxor(a, b),
            BinaryOp::Add => self.builder.ins().iadd(a, b),
            BinaryOp::Sub => self.builder.ins().isub(a, b),
            BinaryOp::Mul => self.builder.ins().imul(a, b),
            BinaryOp::Shl => self.builder.ins().ishl(a, b),
            BinaryOp::ShrU if seeded(Fault::CodeShiftSigned) => self.builder.ins().sshr(a, b),
            BinaryOp::ShrU => self.builder.ins().ushr(a, b),
            BinaryOp::ShrS => self.builder.ins().sshr(a, b),
            BinaryOp::Rotl => self.builder.ins().rotl(a, b),
            BinaryOp::Rotr => self.builder.ins().rotr(a, b),
            BinaryOp::UDiv | BinaryOp::URem | BinaryOp::SDiv | BinaryOp::SRem => self.divide(op, width, a, b),
        }
    }

    /// A division that never traps: by 0 it is 0, and the most negative number by -1 is as by 1, negated.
    fn divide(&mut self, op: BinaryOp, width: Width, a: Value, b: Value) -> Value {
        let ty = ty(width);
        let (zero, one) = (self.constant(ty, 0), self.constant(ty, 1));
        let by_zero = self.builder.ins().icmp(IntCC::Equal, b, zero);
        let divisor = self.builder.ins().select(by_zero, one, b);
        let result = match op {
            BinaryOp::UDiv => self.builder.ins().udiv(a, divisor),
            BinaryOp::URem => self.builder.ins().urem(a, divisor),
            BinaryOp::SDiv | BinaryOp::SRem => {
                let minus_one = self.constant(ty, width.mask());
                let negates = self.builder.ins().icmp(IntCC::Equal, b, minus_one);
                let divisor = self.builder.ins().select(negates, one, divisor);
                if op == BinaryOp::SDiv {
                    let quotient = self.builder.ins().sdiv(a, divisor);
                    let negated = if seeded(Fault::CodeQuotientKept) { a } else { self.builder.ins().isub(zero, a) };
                    self.builder.ins().select(negates, negated, quotient)
                } else {
                    self.builder.ins().srem(a, divisor)
                }
            }
            _ => zero,
        };
        self.builder.ins().select(by_zero, zero, result)
    }
}

/// How a scan reads entries.
struct Read {
    big_endian: bool,
    /// What is added to the index in its place.
    step: i64,
    /// Where a scan goes that ends before the first entry not kept.
    until: Option<Block>,
}

/// Truth values are bytes of 0 or 1.
const fn ty(width: Width) -> Type {
    match width {
        Width::W1 => I8,
        Width::W32 => I32,
        Width::W64 => I64,
    }
}
