;; expect: L908 at 0x1047, export untagged_addr
;; generate: LOCALS = 1000 x i64
;; generate: EXITS = 1000 x (br_if $out (i64.eq (local.get $x) (i64.const {i})))
(module
  (func (export "ptwalk_abi_1"))
  (func (export "untagged_addr") (param $x i64) (result i64) (local {LOCALS})
    (block $out {EXITS})
    (local.get $x)))
