//! The `sandbox` engine: a plugin run by wasmtime, contained but not trusted.
//!
//! In: a verified plugin, or a validated one with a configuration, and queries. Out: an [`Engine`] whose every crossing into WASM is bounded in
//! instructions (by the shape of the code where there are no loops, else by fuel), stack and memory, with no WASI and
//! no host functions at all. One instance and one store belong to one walker; [`Compiled::instantiate`] makes another.
//!
//! Guaranteed: a plugin can make an answer wrong, or refuse it; it cannot hang, crash or read the host. Not handled: that
//! the answers are *right*, which only the verifier can say.

use std::sync::Arc;

use ptwalk_abi::{Config, Extern, Geometry, GeometryError, Helper, Kconfig, Op, Signature, Stub};
use ptwalk_verifier::limits::MEMORY_PAGES_MAX;
use ptwalk_verifier::validate::ValidPlugin;
use ptwalk_verifier::verify::VerifiedPlugin;
use wasmtime::{
    Inlining, Instance, Memory, Module, OptLevel, Store, StoreLimits, StoreLimitsBuilder, Trap, TypedFunc,
    WasmBacktrace,
};

use super::calls::CallGraph;
use super::query::{Queries, Record};
use super::specialise::{BUFFER, Specialised, record_export, scan_export, specialise};
use super::{Engine, EngineError, Facts, Failed, Run, Words};
use crate::image::prefetch;

/// Instructions that one call of one helper may execute. The verifier's bound is 4,096; sixteen times that lets a
/// plugin that would be refused for its cost still be looked at, and ends an endless loop in a tenth of a millisecond.
/// They are counted at run time only where the code could exceed them: counting takes two thirds of a scan's time.
pub const FUEL_PER_CALL: u64 = 1 << 16;

/// Instructions that one entry of a batch may cost on average: its few calls and the loop around them.
const FUEL_PER_ENTRY: u64 = 2 * FUEL_PER_CALL;

/// Bytes of WASM stack: enough for the deepest call chain the verifier admits, small enough that runaway recursion
/// ends at once.
const STACK_BYTES: usize = 256 << 10;

/// Bytes that one memory of an instance may have: what validation allows a plugin, which is more than the buffer of the
/// largest table needs.
#[expect(clippy::cast_possible_truncation, reason = "16 MiB")]
const MEMORY_BYTES: usize = (MEMORY_PAGES_MAX as usize) << 16;

/// Entries of the largest table (64K granule) and so of one crossing.
const CAPACITY_MAX: usize = 1 << 16;

/// How a scan reaches the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A whole table per crossing into WASM.
    Batched,
    /// One crossing per helper call: the plain way to use a plugin, kept as baseline and as oracle.
    PerCall,
}

/// A plugin compiled for one configuration and one list of queries; instances share it.
#[derive(Clone)]
pub struct Compiled {
    plugin: Arc<ValidPlugin>,
    specialised: Arc<Specialised>,
    module: Module,
    queries: Arc<Queries>,
    capacity: usize,
    /// Which of the plugin's helpers can be called.
    kept: fn(Helper) -> bool,
    /// Whether calls need fuel: the code's shape alone does not keep them within [`FUEL_PER_CALL`].
    metered: bool,
}

impl Compiled {
    /// Compiles a plugin that is verified, for the configuration under which it is, with the functions that `queries`
    /// need.
    ///
    /// # Errors
    /// [`EngineError::Build`] when wasmtime refuses the module.
    ///
    /// # Cost
    /// Some tens of milliseconds for arm64: Cranelift compiles every function of the plugin, and its way in.
    pub fn new(plugin: &VerifiedPlugin, queries: Queries) -> Result<Compiled, EngineError> {
        Compiled::unverified(plugin.plugin().clone(), plugin.config(), queries)
    }

    /// Compiles a plugin of which nothing is proved. Its answers may be wrong; it can do no harm.
    ///
    /// # Errors
    /// As [`Compiled::new`].
    pub fn unverified(plugin: Arc<ValidPlugin>, config: &Config, queries: Queries) -> Result<Compiled, EngineError> {
        Compiled::with_helpers(plugin, config, queries, |_| true)
    }

    /// As [`Compiled::unverified`], with only the helpers that are `kept`, which must be all that the queries ask.
    fn with_helpers(
        plugin: Arc<ValidPlugin>,
        config: &Config,
        queries: Queries,
        kept: fn(Helper) -> bool,
    ) -> Result<Compiled, EngineError> {
        let graph =
            CallGraph::new(&plugin).map_err(|error| EngineError::Build { stage: "read", what: error.to_string() })?;
        let metered = graph.instructions_max().is_none_or(|most| most > FUEL_PER_CALL);
        let called = plugin.exports().iter().filter(|(helper, _)| kept(**helper)).map(|(_, function)| *function);
        let called = graph.reachable(called);
        let capacity = if queries.levels.is_empty() { 0 } else { table_entries(config).min(CAPACITY_MAX) };
        let specialised = specialise(&plugin, config, &queries.levels, &called, capacity)?;
        let engine = wasmtime::Engine::new(&wasmtime_config(metered)).map_err(|e| build("configure", &e))?;
        let module = Module::new(&engine, &specialised.wasm).map_err(|e| build("compile", &e))?;
        let (specialised, queries) = (Arc::new(specialised), Arc::new(queries));
        Ok(Compiled { plugin, specialised, module, queries, capacity, kept, metered })
    }

    /// A fresh instance in a store of its own.
    ///
    /// # Errors
    /// [`EngineError::Build`] when the instance does not fit its limits.
    pub fn instantiate(&self, mode: Mode) -> Result<Sandbox, EngineError> {
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).instances(1).memories(2).tables(1).build();
        let mut store = Store::new(self.module.engine(), limits);
        store.limiter(|limits| limits);
        if self.metered {
            store.set_fuel(FUEL_PER_CALL).map_err(|e| build("limit", &e))?;
        }
        let instance = Instance::new(&mut store, &self.module, &[]).map_err(|e| build("instantiate", &e))?;
        let helpers = Helper::ALL.iter().map(|helper| self.can_call(*helper).then_some(*helper));
        let calls = helpers
            .map(|helper| helper.map(|helper| Call::find(&instance, &mut store, helper)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let mut scans = Vec::new();
        let mut records = Vec::new();
        for depth in 0..self.queries.levels.len() {
            let scan = instance.get_typed_func(&mut store, &scan_export(depth));
            scans.push(scan.map_err(|e| build("link", &e))?);
            let record = instance.get_typed_func(&mut store, &record_export(depth));
            records.push(record.map_err(|e| build("link", &e))?);
        }
        let buffer = instance.get_memory(&mut store, BUFFER);
        let buffer = buffer.ok_or_else(|| EngineError::Build { stage: "link", what: "no buffer".into() })?;
        Ok(Sandbox { compiled: self.clone(), store, calls, scans, records, buffer, mode })
    }

    fn can_call(&self, helper: Helper) -> bool {
        self.plugin.has(helper) && (self.kept)(helper)
    }

    /// The plugin's geometry under `config`.
    ///
    /// # Errors
    /// [`BindError`] when a helper is missing that no walk can do without, when the geometry does not add up, or when
    /// the plugin fails.
    pub fn geometry(plugin: &Arc<ValidPlugin>, config: &Config) -> Result<Geometry, BindError> {
        if let Some(helper) = Helper::ALL.iter().find(|h| h.stub() == Stub::Required && !plugin.has(**h)) {
            return Err(BindError::Missing { helper: *helper });
        }
        let compiled = Compiled::with_helpers(plugin.clone(), config, Queries::none(), tells_geometry)?;
        let mut sandbox = compiled.instantiate(Mode::PerCall)?;
        let page_shift = config.get(Extern::PAGE_SHIFT).unsigned_abs();
        let geometry =
            Geometry::evaluate(page_shift, |helper, arg| sandbox.call(helper, [arg, 0]).map_err(BindError::Engine))?;
        let needed = geometry.slots().iter().filter_map(|slot| {
            let op = if slot.level == ptwalk_abi::Level::Pte { Op::Pfn } else { Op::PagePaddr };
            Helper::find(slot.level, op)
        });
        match needed.into_iter().find(|helper| !plugin.has(*helper)) {
            Some(helper) => Err(BindError::Missing { helper }),
            None => Ok(geometry),
        }
    }
}

/// Whether [`Geometry::evaluate`] may ask a helper: some thirty of a hundred and more, and the shortest.
fn tells_geometry(helper: Helper) -> bool {
    matches!(helper.signature(), Signature::Count | Signature::Address) || helper.op() == Op::None
}

fn table_entries(config: &Config) -> usize {
    1 << config.get(Extern::PAGE_SHIFT).saturating_sub(3).clamp(0, 16)
}

fn wasmtime_config(metered: bool) -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .consume_fuel(metered)
        .max_wasm_stack(STACK_BYTES)
        .cranelift_opt_level(OptLevel::Speed)
        .compiler_inlining(Inlining::Yes)
        .wasm_multi_memory(true);
    config
}

fn build(stage: &'static str, error: &wasmtime::Error) -> EngineError {
    EngineError::Build { stage, what: format!("{error:#}") }
}

/// Why a plugin cannot be used to walk.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A helper is missing that no walk can do without.
    #[error("the plugin does not export {helper} {}, which every walk needs: {}", .helper.signature(), .helper.op().doc())]
    Missing {
        /// The helper.
        helper: Helper,
    },
    /// The geometry does not add up.
    #[error("the plugin's geometry does not add up under this configuration: {0}")]
    Geometry(#[from] GeometryError),
    /// The plugin failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// One export, typed by its signature.
enum Call {
    EntryToI32(TypedFunc<u64, u32>),
    EntryToI64(TypedFunc<u64, u64>),
    AccessToI32(TypedFunc<(u64, u32), u32>),
    PairToI32(TypedFunc<(u64, u64), u32>),
    PairToI64(TypedFunc<(u64, u64), u64>),
    ToI32(TypedFunc<(), u32>),
    ToI64(TypedFunc<(), u64>),
}

impl Call {
    fn find(instance: &Instance, store: &mut Store<StoreLimits>, helper: Helper) -> Result<Call, EngineError> {
        let name = helper.name();
        let call = match helper.signature() {
            Signature::Predicate | Signature::Perms => instance.get_typed_func(store, name).map(Call::EntryToI32),
            Signature::Reader | Signature::Maker => instance.get_typed_func(store, name).map(Call::EntryToI64),
            Signature::Access => instance.get_typed_func(store, name).map(Call::AccessToI32),
            Signature::Compare => instance.get_typed_func(store, name).map(Call::PairToI32),
            Signature::Combine => instance.get_typed_func(store, name).map(Call::PairToI64),
            Signature::Count => instance.get_typed_func(store, name).map(Call::ToI32),
            Signature::Address => instance.get_typed_func(store, name).map(Call::ToI64),
        };
        call.map_err(|e| build("link", &e))
    }

    fn invoke(&self, store: &mut Store<StoreLimits>, [x, y]: [u64; 2]) -> wasmtime::Result<u64> {
        match self {
            Call::EntryToI32(f) => f.call(store, x).map(u64::from),
            Call::EntryToI64(f) => f.call(store, x),
            Call::AccessToI32(f) => f.call(store, (x, u32::from(y != 0))).map(u64::from),
            Call::PairToI32(f) => f.call(store, (x, y)).map(u64::from),
            Call::PairToI64(f) => f.call(store, (x, y)),
            Call::ToI32(f) => f.call(store, ()).map(u64::from),
            Call::ToI64(f) => f.call(store, ()),
        }
    }
}

/// An instance of a plugin in a store of its own.
pub struct Sandbox {
    compiled: Compiled,
    store: Store<StoreLimits>,
    calls: Vec<Option<Call>>,
    scans: Vec<TypedFunc<(u32, u32), u32>>,
    records: Vec<TypedFunc<u64, (u32, u64)>>,
    buffer: Memory,
    mode: Mode,
}

impl Sandbox {
    fn stub(&mut self, helper: Helper, [x, y]: [u64; 2]) -> Result<u64, EngineError> {
        if self.compiled.plugin.has(helper) {
            return Err(EngineError::Build { stage: "link", what: format!("{helper} was left out") });
        }
        match helper.stub() {
            Stub::Required | Stub::Undefined => Err(EngineError::Absent { helper }),
            Stub::Zero => Ok(0),
            Stub::One => Ok(1),
            Stub::Identity => Ok(x),
            Stub::Equal => Ok(u64::from(x == y)),
            Stub::PresentAndWrite => {
                let mut ask = |op| match Helper::find(helper.level(), op) {
                    Some(asked) if self.has(asked) => self.call(asked, [x, 0]),
                    _ => Ok(0),
                };
                Ok(u64::from(ask(Op::Present)? != 0 && (y == 0 || ask(Op::Write)? != 0)))
            }
        }
    }

    fn trap(&self, error: &wasmtime::Error, export: String, args: Vec<u64>) -> EngineError {
        let what = match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => {
                format!("exceeded its budget of {FUEL_PER_CALL} instructions a call")
            }
            Some(Trap::StackOverflow) => format!("exceeded its stack of {STACK_BYTES} bytes"),
            Some(trap) => format!("trapped ({trap})"),
            None => format!("failed ({error:#})"),
        };
        let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
        // On a stack overflow the innermost frame has no offset yet.
        let offsets = frames.iter().filter_map(wasmtime::FrameInfo::module_offset);
        let offset = offsets.filter_map(|offset| self.compiled.specialised.plugin_offset(offset)).next();
        EngineError::Trap { export, args, what, offset }
    }

    fn fuel(&mut self, fuel: u64) -> Result<(), EngineError> {
        if self.compiled.metered { self.store.set_fuel(fuel).map_err(|e| build("limit", &e)) } else { Ok(()) }
    }

    /// Scans call by call, each with a budget of its own.
    fn scan_by_calls(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed> {
        let (plugin, queries) = (self.compiled.plugin.clone(), self.compiled.queries.clone());
        let has = |helper| can_ask(&plugin, helper);
        let call = |helper, args| self.call(helper, args);
        queries.levels[depth].interpret(queries.entries(run.bytes), run.first, out, has, call)
    }

    fn scan_batch(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed> {
        let queries = self.compiled.queries.clone();
        let capacity = self.compiled.capacity.max(1);
        let mut first = run.first;
        for bytes in run.bytes.chunks(capacity * 8) {
            let memory = self.buffer.data_mut(&mut self.store);
            for (slot, entry) in memory.chunks_exact_mut(8).zip(queries.entries(bytes)) {
                slot.copy_from_slice(&entry.to_le_bytes());
            }
            let count = u32::try_from(bytes.len() / 8).unwrap_or(0);
            let fuel = self.fuel(FUEL_PER_ENTRY.saturating_mul(count.into()));
            fuel.map_err(|cause| Failed { index: first, cause })?;
            let kept = match self.scans[depth].call(&mut self.store, (count, first)) {
                Ok(kept) => kept as usize,
                Err(error) => {
                    // It was one entry's doing: each gets a budget of its own to find out which.
                    let cause = self.trap(&error, scan_export(depth), Vec::new());
                    let found = self.scan_by_calls(depth, Run { bytes, first, ahead: &[] }, out).err();
                    return Err(found.unwrap_or(Failed { index: first, cause }));
                }
            };
            let memory = self.buffer.data(&self.store);
            let words = memory.get(capacity * 8..).unwrap_or_default().as_chunks().0;
            let words = &words[..kept.min(words.len())];
            for (place, word) in out.room(words.len()).iter_mut().zip(words) {
                *place = u64::from_le_bytes(*word);
            }
            out.keep(words.len());
            if queries.levels[depth].scan.until && kept < count as usize {
                break;
            }
            first = first.saturating_add(count);
        }
        Ok(())
    }
}

fn can_ask(plugin: &ValidPlugin, helper: Helper) -> bool {
    plugin.has(helper) || !matches!(helper.stub(), Stub::Undefined | Stub::Required)
}

impl Engine for Sandbox {
    fn queries(&self) -> &Queries {
        &self.compiled.queries
    }

    fn has(&self, helper: Helper) -> bool {
        can_ask(&self.compiled.plugin, helper)
    }

    fn call(&mut self, helper: Helper, args: [u64; 2]) -> Result<u64, EngineError> {
        self.fuel(FUEL_PER_CALL)?;
        let Some(Some(call)) = self.calls.get(helper as usize) else { return self.stub(helper, args) };
        call.invoke(&mut self.store, args).map_err(|error| {
            let arity = helper.signature().params().len();
            self.trap(&error, helper.name().to_owned(), args[..arity].to_vec())
        })
    }

    fn record(&mut self, depth: usize, entry: u64) -> Result<Record, EngineError> {
        let by_calls = |sandbox: &mut Sandbox| {
            let (plugin, queries) = (sandbox.compiled.plugin.clone(), sandbox.compiled.queries.clone());
            let has = |helper| can_ask(&plugin, helper);
            queries.levels[depth].evaluate(entry, has, |helper, args| sandbox.call(helper, args))
        };
        if self.mode == Mode::PerCall {
            return by_calls(self);
        }
        self.fuel(FUEL_PER_ENTRY)?;
        match self.records[depth].call(&mut self.store, entry) {
            Ok((facts, target)) => Ok(Record { facts: Facts(facts), target }),
            Err(error) => {
                let trap = self.trap(&error, record_export(depth), vec![entry]);
                Err(by_calls(self).err().unwrap_or(trap))
            }
        }
    }

    fn scan(&mut self, depth: usize, run: Run<'_>, out: &mut Words) -> Result<(), Failed> {
        out.clear();
        prefetch(run.ahead);
        match self.mode {
            Mode::Batched => self.scan_batch(depth, run, out),
            Mode::PerCall => self.scan_by_calls(depth, run, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> Compiled {
        let wasm = wat::parse_str(text).expect("the module is well-formed");
        let plugin = Arc::new(ValidPlugin::validate(&wasm).expect("the module is in the subset"));
        Compiled::unverified(plugin, &Config::DEFAULT, Queries::none()).expect("the module compiles")
    }

    /// A plugin whose `pte_young` is `body`.
    fn young(body: &str) -> Compiled {
        compiled(&format!(r#"(module (func (export "pte_young") (param i64) (result i32) {body}))"#))
    }

    fn call(compiled: &Compiled) -> Result<u64, EngineError> {
        compiled.instantiate(Mode::PerCall)?.call(Helper::pte_young, [7, 0])
    }

    fn is_out_of_fuel(result: &Result<u64, EngineError>) -> bool {
        matches!(result, Err(EngineError::Trap { what, .. }) if what.contains("exceeded its budget"))
    }

    #[test]
    fn only_code_that_could_exceed_its_budget_is_metered() -> Result<(), EngineError> {
        let arm64 = crate::plugin::load("arm64").expect("arm64 is embedded");
        assert!(!Compiled::unverified(arm64, &Config::DEFAULT, Queries::none())?.metered);
        assert!(!young("i32.const 1").metered);
        assert!(young("(loop) i32.const 1").metered);
        let body = |nops: u64| "nop ".repeat(nops.try_into().expect("small")) + "i32.const 1";
        // A constant and the end are instructions too; four calls of a function make the module small enough.
        let calls = |nops| {
            let callee = format!(r#"(func (export "pte_dirty") (param i64) (result i32) {})"#, body(nops));
            let caller = "local.get 0 call 0 drop ".repeat(4) + "i32.const 1";
            compiled(&format!(r#"(module {callee} (func (export "pte_young") (param i64) (result i32) {caller}))"#))
        };
        let nops = (FUEL_PER_CALL - 4 * 3 - 2) / 4 - 2;
        assert!(!calls(nops).metered, "{FUEL_PER_CALL} instructions are within the budget");
        assert!(calls(nops + 1).metered);
        Ok(())
    }

    #[test]
    fn an_endless_plugin_is_stopped() {
        assert!(is_out_of_fuel(&call(&young("(loop br 0) i32.const 1"))));
        assert!(call(&young("local.get 0 call 0")).is_err(), "it calls itself");
    }

    #[test]
    fn a_cascade_of_calls_without_loops_is_stopped() {
        let cascade: String = (1..=40)
            .map(|callee| format!("(func (param i64) local.get 0 call {callee} local.get 0 call {callee})"))
            .collect();
        let young = r#"(func (export "pte_young") (param i64) (result i32) local.get 0 call 41 i32.const 1)"#;
        let plugin = compiled(&format!("(module {young} (func (param i64)) {cascade})"));
        assert!(is_out_of_fuel(&call(&plugin)));
    }

    #[test]
    fn a_trap_names_its_place_in_the_plugin_whatever_was_left_out() -> Result<(), EngineError> {
        let text = r#"(module
            (func (export "pte_dirty") (param i64) (result i32) i32.const 1)
            (func (export "pte_young") (param i64) (result i32) unreachable))"#;
        let wasm = wat::parse_str(text).expect("the module is well-formed");
        let plugin = Arc::new(ValidPlugin::validate(&wasm).expect("the module is in the subset"));
        let unreachable = wasm.windows(2).rposition(|code| code == [0x00, 0x0b]).expect("unreachable, end");
        for kept in [|_| true, |helper| helper == Helper::pte_young] as [fn(Helper) -> bool; 2] {
            let compiled = Compiled::with_helpers(plugin.clone(), &Config::DEFAULT, Queries::none(), kept)?;
            let Err(EngineError::Trap { offset, .. }) = call(&compiled) else { panic!("it does not trap") };
            assert_eq!(offset, Some(unreachable as u64));
        }
        let dirty_only = |helper| helper == Helper::pte_dirty;
        let compiled = Compiled::with_helpers(plugin, &Config::DEFAULT, Queries::none(), dirty_only)?;
        assert!(matches!(call(&compiled), Err(EngineError::Build { stage: "link", .. })), "no stub answers for it");
        Ok(())
    }
}
