;; A loop of 1,023 rounds that a compiler has unrolled: no loop is to blame, and the call executes one instruction more
;; than it may.
;; expect: T240 at 0x2003, export pte_to_phys, op local.get 0
;; message: more than 4096 instructions
;; generate: ROUNDS = 1023 x (local.set $x (i64.xor (local.get $x) (i64.const {i})))
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    {ROUNDS}
    (drop (i32.const 1)) (drop (i32.const 2)) (drop (i32.const 3))
    (local.get $x)))
