;; The test looks at the second argument, and only the first changes.
;; expect: T200 at 0x4e, export pte_modify
;; message: never left
;; counterexample: prot = 0x0, x = 0x0
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (loop $again
      (local.set $x (i64.add (local.get $x) (i64.const 1)))
      (br_if $again (i64.lt_u (local.get $y) (i64.const 10))))
    (local.get $x)))
