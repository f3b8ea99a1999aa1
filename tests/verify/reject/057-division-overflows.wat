;; The guard excludes 0, and forgets that the least number divided by -1 is no 64-bit number.
;; expect: X402 at 0x4c, export pte_modify, op i64.div_s
;; message: signed division overflows
;; counterexample: prot = 0xffffffffffffffff, x = 0x8000000000000000 (bit 63)
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (if (result i64) (i64.eqz (local.get $y))
      (then (i64.const 0))
      (else (i64.div_s (local.get $x) (local.get $y))))))
