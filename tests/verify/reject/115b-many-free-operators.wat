;; expect: L907 at 0x6c57, export untagged_addr
;; generate: FREE = 10000 x (block (nop) (nop))
;; generate: CALLS = 1000 x (call $free)
(module
  (func (export "ptwalk_abi_1"))
  (func $free {FREE})
  (func (export "untagged_addr") (param $x i64) (result i64) {CALLS} (local.get $x)))
