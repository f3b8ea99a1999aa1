//! Closed forms against wasmtime: results, traps and fuel, on every operator and on generated programs.
//!
//! In: modules made from a seed by the grammar below. Out: a failure that prints the module and the input. What the
//! lifter claims for an input is compared with what the engine does: where no obligation's condition holds, the closed
//! form's value is the engine's result and the fuel is within the bound on instructions; where only traps are
//! announced, the engine traps. The crate's own replay must agree with the engine too, fuel included. Not handled: the
//! proofs of obligations, which are other tests' business.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

use std::fmt::Write as _;

use ptwalk_abi::Config;
use ptwalk_verifier::expr::{Evaluator, Width};
use ptwalk_verifier::lift::{Ending, Hazard, Lifted, LiftedExport, Module, NoOracle, lift, replay_export};
use wasmtime::{Engine, Instance, Store, Val};

const FUEL: u64 = 1_000_000;

const CORNERS: [u64; 16] = [
    0,
    1,
    2,
    3,
    31,
    63,
    64,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    0x0068_0000_4000_0703,
    0x0123_4567_89ab_cdef,
];

/// Marsaglia's xorshift.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = self.below(list.len() as u64);
        &list[usize::try_from(at).unwrap()]
    }
}

/// A module in the engine, with fuel.
struct Engined {
    store: Store<()>,
    instance: Instance,
}

impl Engined {
    fn new(engine: &Engine, wat: &str) -> Engined {
        let module = wasmtime::Module::new(engine, wat::parse_str(wat).unwrap()).unwrap();
        let mut store = Store::new(engine, ());
        store.set_fuel(FUEL).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Engined { store, instance }
    }

    /// Result and fuel of a call; `None` where it traps.
    fn call(&mut self, name: &str, widths: &[Width], inputs: &[u64]) -> Option<(u64, u64)> {
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let params: Vec<Val> = widths.iter().zip(inputs).map(|(width, value)| val(*width, *value)).collect();
        let mut results = [Val::I64(0)];
        self.store.set_fuel(FUEL).unwrap();
        function.call(&mut self.store, &params, &mut results).ok()?;
        let value = match results[0] {
            Val::I32(value) => u64::from(value.cast_unsigned()),
            Val::I64(value) => value.cast_unsigned(),
            _ => panic!("not an integer"),
        };
        Some((value, FUEL - self.store.get_fuel().unwrap()))
    }
}

fn val(width: Width, value: u64) -> Val {
    let [a, b, c, d, ..] = value.to_le_bytes();
    match width {
        Width::W64 => Val::I64(value.cast_signed()),
        _ => Val::I32(i32::from_le_bytes([a, b, c, d])),
    }
}

fn engine() -> Engine {
    let mut config = wasmtime::Config::new();
    config.consume_fuel(true);
    Engine::new(&config).unwrap()
}

/// What a comparison saw of one export.
#[derive(Default)]
struct Seen {
    fuel_most: u64,
    returned: usize,
    trapped: usize,
}

/// Compares one export on the given inputs.
fn compare(wat: &str, found: &Lifted, export: &LiftedExport, engined: &mut Engined, inputs: &[[u64; 2]]) -> Seen {
    let bytes = wat::parse_str(wat).unwrap();
    let module = Module::decode(&bytes).unwrap();
    let mut seen = Seen::default();
    for input in inputs {
        let input: Vec<u64> = input.iter().zip(&export.inputs).map(|(value, width)| value & width.mask()).collect();
        let context = || format!("{}({input:x?}) of {wat}", export.name);
        let mut evaluator = Evaluator::new(input.clone());
        let hazards: Vec<Hazard> = export
            .obligations
            .iter()
            .filter(|obligation| evaluator.value(&found.arena, obligation.when) != 0)
            .map(|obligation| obligation.hazard)
            .collect();
        let ran = engined.call(&export.name, &export.inputs, &input);
        let replay = replay_export(&module, &Config::DEFAULT, &export.name, &input).unwrap();
        match ran {
            None => {
                assert!(!hazards.is_empty(), "an unannounced trap: {}", context());
                assert!(matches!(replay.ending, Ending::Trapped(_)), "replay: {}", context());
                seen.trapped += 1;
            }
            Some((value, fuel)) => {
                assert_eq!(replay.ending, Ending::Returned(Some(value)), "replay: {}", context());
                assert_eq!(replay.instructions, fuel, "fuel of the replay: {}", context());
                let traps_only = hazards.iter().all(|hazard| hazard.code().starts_with(['X', 'M']));
                assert!(hazards.is_empty() || !traps_only, "announced {hazards:?}, returned: {}", context());
                if hazards.is_empty() {
                    let closed = export.result.map(|result| evaluator.value(&found.arena, result));
                    let form = export.result.map(|result| found.arena.display(result, &["x", "y"]).to_string());
                    assert_eq!(closed, Some(value), "{form:?}: {}", context());
                    assert!(
                        fuel <= export.instructions.into(),
                        "fuel {fuel} of {}: {}",
                        export.instructions,
                        context()
                    );
                    seen.fuel_most = seen.fuel_most.max(fuel);
                    seen.returned += 1;
                }
            }
        }
    }
    seen
}

fn lifted(wat: &str) -> Option<Lifted> {
    let bytes = wat::parse_str(wat).unwrap();
    lift(&Module::decode(&bytes).unwrap(), &Config::DEFAULT, &mut NoOracle).ok()
}

/// Every pair of corners, and random pairs.
fn all_inputs(rng: &mut Rng, random: usize) -> Vec<[u64; 2]> {
    let corners = CORNERS.iter().flat_map(|x| CORNERS.iter().map(|y| [*x, *y]));
    corners.chain((0..random).map(|_| [rng.next(), rng.next()]).collect::<Vec<_>>()).collect()
}

const BINARY: [&str; 15] = [
    "add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl",
    "rotr",
];
const RELATIONS: [&str; 10] = ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"];
const UNARY: [&str; 3] = ["clz", "ctz", "popcnt"];

/// All operators that compute, as (name, parameter, result, operands).
fn operators() -> Vec<(String, &'static str, &'static str, usize)> {
    let mut list = Vec::new();
    for width in ["i32", "i64"] {
        list.extend(BINARY.iter().map(|op| (format!("{width}.{op}"), width, width, 2)));
        list.extend(RELATIONS.iter().map(|op| (format!("{width}.{op}"), width, "i32", 2)));
        list.extend(UNARY.iter().map(|op| (format!("{width}.{op}"), width, width, 1)));
        list.extend(["extend8_s", "extend16_s"].iter().map(|op| (format!("{width}.{op}"), width, width, 1)));
        list.push((format!("{width}.eqz"), width, "i32", 1));
    }
    list.push(("i64.extend32_s".into(), "i64", "i64", 1));
    list.push(("i32.wrap_i64".into(), "i64", "i32", 1));
    list.push(("i64.extend_i32_s".into(), "i32", "i64", 1));
    list.push(("i64.extend_i32_u".into(), "i32", "i64", 1));
    list
}

/// Each operator with arguments, and with a corner constant on either side, where rewriting has something to do.
#[test]
fn every_operator_means_what_the_engine_does() {
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    let engine = engine();
    for (op, param, result, operands) in operators() {
        let mut wat = String::from("(module");
        let mut function = |name: String, body: String| {
            write!(wat, r#"(func (export "{name}") (param $x {param}) (param $y {param}) (result {result}) {body})"#)
                .unwrap();
        };
        if operands == 1 {
            function("plain".into(), format!("({op} (local.get $x))"));
        } else {
            function("plain".into(), format!("({op} (local.get $x) (local.get $y))"));
            function("same".into(), format!("({op} (local.get $x) (local.get $x))"));
            for (at, corner) in CORNERS.iter().enumerate() {
                let constant = if param == "i32" { corner & 0xffff_ffff } else { *corner };
                function(format!("left{at}"), format!("({op} ({param}.const {constant}) (local.get $y))"));
                function(format!("right{at}"), format!("({op} (local.get $x) ({param}.const {constant}))"));
            }
        }
        wat.push(')');
        let found = lifted(&wat).expect("an operator has a closed form");
        let mut engined = Engined::new(&engine, &wat);
        let inputs = all_inputs(&mut rng, 64);
        for export in &found.exports {
            let seen = compare(&wat, &found, export, &mut engined, &inputs);
            if seen.returned > 0 {
                assert_eq!(seen.fuel_most, export.instructions.into(), "{op}, {}", export.name);
            }
        }
    }
}

/// Every load from data at computed and constant addresses, and every store with every load over it.
#[test]
fn every_load_and_store_means_what_the_engine_does() {
    let loads = [
        ("i32.load", "i32", 4),
        ("i32.load8_s", "i32", 1),
        ("i32.load8_u", "i32", 1),
        ("i32.load16_s", "i32", 2),
        ("i32.load16_u", "i32", 2),
        ("i64.load", "i64", 8),
        ("i64.load8_s", "i64", 1),
        ("i64.load8_u", "i64", 1),
        ("i64.load16_s", "i64", 2),
        ("i64.load16_u", "i64", 2),
        ("i64.load32_s", "i64", 4),
        ("i64.load32_u", "i64", 4),
    ];
    let stores = ["i32.store", "i32.store8", "i32.store16", "i64.store", "i64.store8", "i64.store16", "i64.store32"];
    let mut wat = String::from(PRELUDE);
    for (op, result, _) in loads {
        let head = format!("(param $x i64) (param $y i64) (result {result})");
        // 57 addresses, of which the last ones run off the data.
        write!(wat, r#"(func (export "computed {op}") {head} ({op} offset=1000 (i32.add (i32.const 24) (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 63)))))"#).unwrap();
        write!(wat, r#"(func (export "constant {op}") {head} ({op} offset=3 (i32.const 1024)))"#).unwrap();
        for store in stores {
            let word = if store.starts_with("i32") { "(i32.wrap_i64 (local.get $y))" } else { "(local.get $y)" };
            write!(
                wat,
                r#"(func (export "{store} {op}") {head}
                    (i64.store (i32.const 8176) (local.get $x)) (i64.store (i32.const 8184) (local.get $y))
                    ({store} (i32.const 8178) {word}) ({op} offset=8100 (i32.const 77)))"#
            )
            .unwrap();
        }
    }
    wat.push(')');
    let found = lifted(&wat).expect("loads and stores have closed forms");
    let mut engined = Engined::new(&engine(), &wat);
    let mut rng = Rng(7);
    let mut inputs = all_inputs(&mut rng, 32);
    inputs.extend((0..64).map(|x| [x, x]));
    for export in found.exports.iter().filter(|export| !export.inputs.is_empty()) {
        let computed = export.name.starts_with("computed");
        for input in &inputs {
            let mut evaluator = Evaluator::new(input.to_vec());
            let beyond = export.obligations.iter().any(|o| evaluator.value(&found.arena, o.when) != 0);
            let (value, fuel) = engined.call(&export.name, &export.inputs, input).expect("in bounds");
            assert_eq!(fuel, u64::from(export.instructions), "{}", export.name);
            // What runs off the data reads zeros in the engine; the closed form refuses it, exactly there.
            let bytes = loads.iter().find(|(op, ..)| export.name.ends_with(&format!(" {op}"))).unwrap().2;
            assert_eq!(beyond, computed && (input[0] & 63) + bytes > 64, "{} {input:x?}", export.name);
            if !beyond {
                assert_eq!(evaluator.value(&found.arena, export.result.unwrap()), value, "{} {input:x?}", export.name);
            }
        }
    }
}

/// Data at 1024, a stack of 4 KiB below 8192, a stack pointer, and functions to call.
const PRELUDE: &str = r#"(module (memory 1 1)
    (global $sp (mut i32) (i32.const 8192))
    (data (i32.const 1024) "\01\80\03\fe\7f\ff\00\11\22\33\44\55\66\77\88\99\aa\bb\cc\dd\ee\f0\e1\d2\c3\b4\a5\96\87\78\69\5a\4b\3c\2d\1e\0f\10\20\30\40\50\60\70\80\90\a0\b0\c0\d0\e0\f1\02\04\08\18\28\38\48\58\68\7a\8b\9c")
    (func $h0 (param i64 i64) (result i64) (i64.add (i64.rotl (local.get 0) (i64.const 13)) (local.get 1)))
    (func $h1 (param i64 i64) (result i64) (local i64)
        (local.set 2 (call $h0 (local.get 1) (local.get 0)))
        (if (result i64) (i64.lt_u (local.get 0) (local.get 2)) (then (local.get 2)) (else (i64.const -1))))
"#;

/// Writes programs: expressions and statements of bounded depth over two arguments and some locals.
struct Grammar<'r> {
    rng: &'r mut Rng,
    branches: bool,
    loops: u32,
}

impl Grammar<'_> {
    fn constant(&mut self) -> u64 {
        match self.rng.below(5) {
            0 => *self.rng.pick(&CORNERS),
            1 => 1 << self.rng.below(64),
            2 => !(1 << self.rng.below(64)),
            3 => {
                *self.rng.pick(&[0xfff, 0xffff_ffff_f000, 0x001f_ffff_ffff_f000, 0x0060_0000_0000_0000, 0x703, 12, 21])
            }
            _ => self.rng.next(),
        }
    }

    fn local(&mut self) -> &'static str {
        let name: &&'static str = self.rng.pick(&["$x", "$x", "$y", "$a", "$b"]);
        name
    }

    fn wide(&mut self, depth: u32) -> String {
        if depth == 0 || self.rng.below(6) == 0 {
            return match self.rng.below(3) {
                0 => format!("(i64.const {})", self.constant()),
                _ => format!("(local.get {})", self.local()),
            };
        }
        let d = depth - 1;
        match self.rng.below(if self.branches { 16 } else { 11 }) {
            0..=4 => {
                let op = *self.rng.pick(&BINARY);
                let (a, mut b) = (self.wide(d), self.wide(d));
                // One division in four is left unguarded.
                if (op.starts_with("div") || op.starts_with("rem")) && self.rng.below(4) > 0 {
                    b = format!("(i64.or {b} (i64.const {}))", self.rng.pick(&[1u64, 2, 1 << 40]));
                }
                format!("(i64.{op} {a} {b})")
            }
            5 => format!(
                "(i64.{} {})",
                self.rng.pick(&["clz", "ctz", "popcnt", "extend8_s", "extend16_s", "extend32_s"]),
                self.wide(d)
            ),
            6 => format!("(i64.extend_i32_{} {})", self.rng.pick(&["s", "u"]), self.narrow(d)),
            7 => format!("(select {} {} {})", self.wide(d), self.wide(d), self.narrow(d)),
            8 => format!(
                "(i64.and (i64.shr_u {} (i64.const {})) (i64.const {}))",
                self.wide(d),
                self.rng.below(64),
                self.constant()
            ),
            9 => {
                let op = self.rng.pick(&["i64.load", "i64.load32_s", "i64.load16_u", "i64.load8_s"]);
                format!(
                    "({op} offset=1024 (i32.and {} (i32.const {})))",
                    self.narrow(d),
                    self.rng.pick(&[56u32, 48, 31, 7])
                )
            }
            10 => format!("(call $h{} {} {})", self.rng.below(2), self.wide(d), self.wide(d)),
            11 | 12 => {
                let (c, a, b) = (self.narrow(d), self.wide(d), self.wide(d));
                format!("(if (result i64) {c} (then {a}) (else {b}))")
            }
            13 => format!("(block (result i64) (drop (br_if 0 {} {})) {})", self.wide(d), self.narrow(d), self.wide(d)),
            14 => {
                let (a, statement) = (self.wide(d), self.statement(d));
                format!("(block (result i64) {statement} {a})")
            }
            _ => {
                let (frame, value) = (8 * (1 + self.rng.below(4)), self.wide(d));
                format!(
                    "(block (result i64) (global.set $sp (i32.sub (global.get $sp) (i32.const 32)))
                        (i64.store offset={} (global.get $sp) {value})
                        (i64.load offset={} (global.get $sp))
                        (global.set $sp (i32.add (global.get $sp) (i32.const 32))))",
                    frame - 8,
                    frame - 8
                )
            }
        }
    }

    fn narrow(&mut self, depth: u32) -> String {
        if depth == 0 || self.rng.below(6) == 0 {
            return match self.rng.below(3) {
                0 => format!("(i32.const {})", self.constant() & 0xffff_ffff),
                _ => format!("(i32.wrap_i64 (local.get {}))", self.local()),
            };
        }
        let d = depth - 1;
        match self.rng.below(7) {
            0 => format!("(i32.wrap_i64 {})", self.wide(d)),
            1 => format!(
                "(i32.wrap_i64 (i64.and (i64.shr_u {} (i64.const {})) (i64.const 1)))",
                self.wide(d),
                self.rng.below(64)
            ),
            2 | 3 => format!("(i64.{} {} {})", self.rng.pick(&RELATIONS), self.wide(d), self.wide(d)),
            4 => format!("(i64.eqz {})", self.wide(d)),
            5 => {
                let op = *self.rng.pick(&[
                    "add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr", "lt_s", "ge_u",
                    "ne",
                ]);
                format!("(i32.{op} {} {})", self.narrow(d), self.narrow(d))
            }
            _ => format!(
                "(i32.{} {})",
                self.rng.pick(&["clz", "ctz", "popcnt", "eqz", "extend8_s", "extend16_s"]),
                self.narrow(d)
            ),
        }
    }

    fn statement(&mut self, depth: u32) -> String {
        let set = |target: &str, value: String| format!("(local.set {target} {value})");
        if depth == 0 || !self.branches {
            let target = *self.rng.pick(&["$a", "$b", "$x"]);
            let value = self.wide(depth.min(3));
            return set(target, value);
        }
        let d = depth - 1;
        match self.rng.below(9) {
            0 | 1 => {
                let target = *self.rng.pick(&["$a", "$b", "$x", "$y"]);
                let value = self.wide(d);
                set(target, value)
            }
            2 => format!("(if {} (then {}) (else {}))", self.narrow(d), self.statement(d), self.statement(d)),
            3 => format!("(if {} (then {}))", self.narrow(d), self.statement(d)),
            4 => format!("(block {} (br_if 0 {}) {})", self.statement(d), self.narrow(d), self.statement(d)),
            5 => {
                let index = format!("(i32.and {} (i32.const 3))", self.narrow(d));
                let cases = self.rng.pick(&["0 1 2", "2 0 1 0", "1 1 0 2 0", "0 2"]);
                format!(
                    "(block (block (block (br_table {cases} {index})) {} (br 1)) {})",
                    self.statement(d),
                    self.statement(d)
                )
            }
            6 if self.loops < 2 => {
                self.loops += 1;
                let (counter, rounds) = (format!("$i{}", self.loops), 1 + self.rng.below(5));
                let (body, early) = (self.statement(d), self.narrow(d.min(1)));
                self.loops -= 1;
                format!(
                    "(local.set {counter} (i32.const 0))
                     (block (loop {body} (br_if 1 {early})
                        (local.set {counter} (i32.add (local.get {counter}) (i32.const 1)))
                        (br_if 0 (i32.lt_u (local.get {counter}) (i32.const {rounds})))))"
                )
            }
            7 if self.loops == 0 => {
                // A loop that depends on data and ends by itself: it clears bit after bit.
                "(local.set $a (i64.and (local.get $a) (i64.const 0xf0f)))
                 (block (loop (br_if 1 (i64.eqz (local.get $a)))
                    (local.set $b (i64.add (local.get $b) (local.get $a)))
                    (local.set $a (i64.and (local.get $a) (i64.sub (local.get $a) (i64.const 1))))
                    (br 0)))"
                    .to_owned()
            }
            _ => {
                let (condition, value) = (self.narrow(d.min(1)), self.wide(d.min(1)));
                if self.rng.below(4) == 0 && self.loops == 0 {
                    format!("(if {condition} (then (return {value})))")
                } else {
                    format!("(block (br_if 0 {condition}) {})", set("$b", value))
                }
            }
        }
    }

    fn function(&mut self, name: &str, statements: u64, depth: u32) -> String {
        let mut text = format!(
            r#"(func (export "{name}") (param $x i64) (param $y i64) (result i64)
            (local $a i64) (local $b i64) (local $i1 i32) (local $i2 i32)
            (local.set $a (local.get $y))"#
        );
        for _ in 0..statements {
            text.push_str(&self.statement(depth));
        }
        text.push_str(&self.wide(depth));
        text.push(')');
        text
    }
}

/// Generated functions that were lifted, and those whose bound some input reached.
struct Tally {
    tried: usize,
    lifted: usize,
    reached: usize,
    returned: usize,
    trapped: usize,
}

fn generated(seed: u64, modules: usize, branches: bool) -> Tally {
    const FUNCTIONS: usize = 12;
    let mut rng = Rng(seed);
    let engine = engine();
    let mut tally = Tally { tried: 0, lifted: 0, reached: 0, returned: 0, trapped: 0 };
    for _ in 0..modules {
        let functions: Vec<String> = (0..FUNCTIONS)
            .map(|at| {
                let (statements, depth) = (1 + rng.below(5), 2 + u32::try_from(rng.below(3)).unwrap());
                Grammar { rng: &mut rng, branches, loops: 0 }.function(&format!("f{at}"), statements, depth)
            })
            .collect();
        let mut engined = Engined::new(&engine, &format!("{PRELUDE}{})", functions.concat()));
        let mut inputs: Vec<[u64; 2]> = (0..24).map(|_| [*rng.pick(&CORNERS), *rng.pick(&CORNERS)]).collect();
        inputs.extend((0..24).map(|_| [rng.next(), rng.next()]));
        for function in &functions {
            tally.tried += 1;
            let wat = format!("{PRELUDE}{function})");
            let Some(found) = lifted(&wat) else { continue };
            let export = &found.exports[0];
            let seen = compare(&wat, &found, export, &mut engined, &inputs);
            tally.lifted += 1;
            tally.returned += seen.returned;
            tally.trapped += seen.trapped;
            tally.reached += usize::from(seen.fuel_most == u64::from(export.instructions));
            if !branches && seen.returned > 0 {
                // The one branch of straight-line code is in the function it calls.
                let slack = if function.contains("call $h1") { function.matches("call $h1").count() as u64 } else { 0 };
                assert!(
                    seen.fuel_most + slack >= export.instructions.into(),
                    "straight-line code takes {} of {}: {wat}",
                    seen.fuel_most,
                    export.instructions
                );
            }
        }
    }
    tally
}

#[test]
fn straight_line_programs_agree_and_use_their_bound() {
    let tally = generated(0x0123_4567_89ab_cdef, 25, false);
    println!(
        "straight line: {} of {} lifted, {} returns, {} traps",
        tally.lifted, tally.tried, tally.returned, tally.trapped
    );
    assert_eq!(tally.lifted, tally.tried, "straight-line code always has a closed form");
    assert!(tally.reached * 10 >= tally.lifted * 9, "{} of {} reach their bound", tally.reached, tally.lifted);
    assert!(tally.trapped > 0 && tally.returned > tally.trapped);
}

#[test]
fn branching_programs_agree_within_their_bound() {
    let tally = generated(0xfeed_face_cafe_beef, 60, true);
    println!(
        "branching: {} of {} lifted, {} reach their bound, {} returns, {} traps",
        tally.lifted, tally.tried, tally.reached, tally.returned, tally.trapped
    );
    assert!(tally.lifted * 10 >= tally.tried * 9, "{} of {} lifted", tally.lifted, tally.tried);
    assert!(tally.reached * 3 >= tally.lifted, "{} of {} reach their bound", tally.reached, tally.lifted);
    assert!(tally.trapped > 0);
}

/// Where conditions are independent, the bound is exact: the inputs that take the long side of every branch reach it.
#[test]
fn the_bound_is_reached_where_branches_are_independent() {
    let mut body = String::new();
    for bit in 0..6 {
        let work = "(local.set $y (i64.mul (local.get $y) (i64.const 3)))".repeat(1 + bit);
        write!(
            body,
            "(if (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const {bit})) (i64.const 1)))
                (then {work}) (else (nop) (drop (i64.const 1))))"
        )
        .unwrap();
    }
    let wat =
        format!(r#"(module (func (export "f") (param $x i64) (param $y i64) (result i64) {body} (local.get $y)))"#);
    let found = lifted(&wat).unwrap();
    let inputs: Vec<[u64; 2]> = (0..64).map(|x| [x, 5]).collect();
    let seen = compare(&wat, &found, &found.exports[0], &mut Engined::new(&engine(), &wat), &inputs);
    assert_eq!(seen.returned, 64);
    assert_eq!(seen.fuel_most, found.exports[0].instructions.into());
}
