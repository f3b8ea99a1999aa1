//! A module in two engines that share nothing but the specification: wasmtime, which compiles, and wasmi, which interprets.
//!
//! In: a module and a configuration. Out: results, traps and fuel of calls, and what the module keeps: its memory and its
//! mutable globals, which are exported for the purpose. Guaranteed: no call takes more than [`FUEL`]; an instance is as it
//! was made before its first call. Not handled: modules that are not valid plugins.

use std::fmt;
use std::ops::Range;

use ptwalk_abi::{Config, KCONFIG_MODULE};
use ptwalk_verifier::expr::Width;
use ptwalk_verifier::validate::ValidPlugin;

use crate::fuzz::alter;
use crate::fuzz::run::Failure;

/// Fuel of a call: twenty times what the verifier lets any call take.
pub(in crate::fuzz) const FUEL: u64 = 80_000;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fuzz) enum Ended {
    /// It returned this.
    Returned(u64),
    /// It trapped.
    Trapped,
    /// Its fuel was spent.
    Endless,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Returned(value) => write!(f, "{value:#x}"),
            Ended::Trapped => f.write_str("a trap"),
            Ended::Endless => f.write_str("no end"),
        }
    }
}

/// The engine that compiles.
pub(in crate::fuzz) struct Wasmtime {
    engine: wasmtime::Engine,
}

/// A module in it.
pub(in crate::fuzz) struct Compiled {
    store: wasmtime::Store<()>,
    instance: wasmtime::Instance,
    scratch: Vec<Range<usize>>,
}

impl Wasmtime {
    pub(in crate::fuzz) fn new() -> Result<Wasmtime, Failure> {
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true).cranelift_opt_level(wasmtime::OptLevel::None);
        // A small reservation, because instances come and go.
        config.memory_reservation(1 << 20).memory_guard_size(1 << 16).memory_reservation_for_growth(0);
        Ok(Wasmtime { engine: wasmtime::Engine::new(&config)? })
    }

    pub(in crate::fuzz) fn load(&self, plugin: &ValidPlugin, config: &Config) -> Result<Compiled, Failure> {
        let module = wasmtime::Module::new(&self.engine, alter::opened(plugin.bytes()))?;
        let mut store = wasmtime::Store::new(&self.engine, ());
        let mut linker = wasmtime::Linker::new(&self.engine);
        for key in plugin.imports() {
            let value = config.value(*key);
            linker.allow_shadowing(true).func_wrap(KCONFIG_MODULE, key.name(), move || value)?;
        }
        store.set_fuel(FUEL)?;
        let instance = linker.instantiate(&mut store, &module)?;
        Ok(Compiled { store, instance, scratch: alter::scratch(plugin.bytes()) })
    }
}

impl Compiled {
    /// A call, and the fuel it took.
    pub(in crate::fuzz) fn call(
        &mut self,
        name: &str,
        widths: &[Width],
        args: &[u64],
    ) -> Result<(Ended, u64), Failure> {
        let function = self.instance.get_func(&mut self.store, name).ok_or("an export is missing")?;
        let args: Vec<wasmtime::Val> = widths.iter().zip(args).map(|(width, value)| wide(*width, *value)).collect();
        let mut results = [wasmtime::Val::I64(0)];
        self.store.set_fuel(FUEL)?;
        let called = function.call(&mut self.store, &args, &mut results);
        let spent = FUEL - self.store.get_fuel()?;
        let ended = match (called, &results[0]) {
            (Ok(()), wasmtime::Val::I32(value)) => Ended::Returned(value.cast_unsigned().into()),
            (Ok(()), wasmtime::Val::I64(value)) => Ended::Returned(value.cast_unsigned()),
            (Ok(()), other) => return Err(format!("not an integer: {other:?}").into()),
            (Err(error), _) => match error.downcast_ref::<wasmtime::Trap>() {
                Some(wasmtime::Trap::OutOfFuel) => Ended::Endless,
                Some(_) => Ended::Trapped,
                None => return Err(format!("no trap: {error}").into()),
            },
        };
        Ok((ended, spent))
    }

    /// What the module keeps: mutable globals, and memory but for so many bytes of stack.
    pub(in crate::fuzz) fn kept(&mut self, stack_bytes: u64) -> Vec<u8> {
        let top = self.scratch.iter().map(|range| range.end).max().unwrap_or(0);
        let bottom = top.saturating_sub(usize::try_from(stack_bytes).unwrap_or(usize::MAX));
        let mut kept = Vec::new();
        let names: Vec<String> =
            self.instance.exports(&mut self.store).map(|export| export.name().to_owned()).collect();
        for name in names {
            if let Some(global) = self.instance.get_global(&mut self.store, &name) {
                match global.get(&mut self.store) {
                    wasmtime::Val::I32(value) => kept.extend(value.to_le_bytes()),
                    wasmtime::Val::I64(value) => kept.extend(value.to_le_bytes()),
                    _ => {}
                }
            }
            if let Some(memory) = self.instance.get_memory(&mut self.store, &name) {
                let mut bytes = memory.data(&self.store).to_vec();
                for range in &self.scratch {
                    let start = range.start.max(bottom);
                    bytes.iter_mut().take(range.end).skip(start).for_each(|byte| *byte = 0);
                }
                kept.append(&mut bytes);
            }
        }
        kept
    }
}

fn wide(width: Width, value: u64) -> wasmtime::Val {
    match width {
        Width::W64 => wasmtime::Val::I64(value.cast_signed()),
        _ => wasmtime::Val::I32(low(value)),
    }
}

fn low(value: u64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// The engine that interprets.
pub(in crate::fuzz) struct Wasmi {
    engine: wasmi::Engine,
}

/// A module in it.
pub(in crate::fuzz) struct Interpreted {
    store: wasmi::Store<()>,
    instance: wasmi::Instance,
}

impl Wasmi {
    pub(in crate::fuzz) fn new() -> Wasmi {
        let mut config = wasmi::Config::default();
        config.consume_fuel(true);
        Wasmi { engine: wasmi::Engine::new(&config) }
    }

    pub(in crate::fuzz) fn load(&self, plugin: &ValidPlugin, config: &Config) -> Result<Interpreted, Failure> {
        let module = wasmi::Module::new(&self.engine, plugin.bytes())?;
        let mut store = wasmi::Store::new(&self.engine, ());
        let mut linker = wasmi::Linker::new(&self.engine);
        let mut keys = plugin.imports().to_vec();
        keys.sort();
        keys.dedup();
        for key in keys {
            let value = config.value(key);
            linker.func_wrap(KCONFIG_MODULE, key.name(), move || value)?;
        }
        store.set_fuel(FUEL * 10)?;
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        Ok(Interpreted { store, instance })
    }
}

impl Interpreted {
    /// A call. Its fuel is counted otherwise than the verifier does, so that it bounds the call and says nothing.
    pub(in crate::fuzz) fn call(&mut self, name: &str, widths: &[Width], args: &[u64]) -> Result<Ended, Failure> {
        let function = self.instance.get_func(&self.store, name).ok_or("an export is missing")?;
        let word = |width: Width, value: u64| match width {
            Width::W64 => wasmi::Val::I64(value.cast_signed()),
            _ => wasmi::Val::I32(low(value)),
        };
        let args: Vec<wasmi::Val> = widths.iter().zip(args).map(|(width, value)| word(*width, *value)).collect();
        let mut results = [wasmi::Val::I64(0)];
        self.store.set_fuel(FUEL * 10)?;
        match (function.call(&mut self.store, &args, &mut results), &results[0]) {
            (Ok(()), wasmi::Val::I32(value)) => Ok(Ended::Returned(value.cast_unsigned().into())),
            (Ok(()), wasmi::Val::I64(value)) => Ok(Ended::Returned(value.cast_unsigned())),
            (Ok(()), other) => Err(format!("not an integer: {other:?}").into()),
            (Err(error), _) if error.as_trap_code() == Some(wasmi::TrapCode::OutOfFuel) => Ok(Ended::Endless),
            (Err(error), _) if error.as_trap_code().is_some() => Ok(Ended::Trapped),
            (Err(error), _) => Err(format!("no trap: {error}").into()),
        }
    }
}
