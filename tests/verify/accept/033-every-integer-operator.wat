;; All of integer WebAssembly 1.0 and sign extension is inside the subset.
;; stages: validate
;; claim: exports pte_pfn as function 2
(module
  (memory 1)
  (global $sp (mut i32) (i32.const 65536))
  (func (export "ptwalk_abi_1"))
  (func $callee (param i32) (result i32) (local.get 0))
  (func (export "pte_pfn") (param $x i64) (result i64)
    (local $a i32) (local $b i64)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (i64.store offset=8 (global.get $sp) (local.get $x))
    (i32.store8 (global.get $sp) (i32.const 1))
    (drop (i32.load16_s (i32.const 0)))
    (drop (memory.size))
    nop
    (block $out
      (loop $again
        (br_if $out (i64.eqz (local.get $b)))
        (br_table $out $again (call $callee (local.tee $a (i32.popcnt (i32.const 7)))))))
    (if (i32.extend8_s (local.get $a)) (then unreachable) (else (return (i64.extend32_s (local.get $x)))))
    (select (i64.rotl (local.get $x) (i64.clz (local.get $x)))
      (i64.rem_s (local.get $x) (i64.div_u (local.get $x) (i64.const 3)))
      (i32.ctz (local.get $a))))
  (data (i32.const 0) "\01\02"))
