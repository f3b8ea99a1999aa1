;; One word in 2^64 traps.
;; expect: X403 at 0x4f, export pte_to_phys, op unreachable
;; message: unreachable is reached
;; counterexample: x = 0xdeadbeefcafef00d
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (if (i64.eq (local.get $x) (i64.const 0xdeadbeefcafef00d)) (then unreachable))
    (local.get $x)))
