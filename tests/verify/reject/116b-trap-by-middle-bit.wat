;; The same question about a trap, which is refused as well: at the operator.
;; expect: L920 at 0x61, export pte_modify, op unreachable
;; message: not decided
;; reason: spent
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (if
      (i64.ne
        (i64.and
          (i64.mul (local.get $x) (i64.add (local.get $y) (i64.const 1)))
          (i64.const 0x100000000))
        (i64.and
          (i64.add (i64.mul (local.get $x) (local.get $y)) (local.get $x))
          (i64.const 0x100000000)))
      (then unreachable))
    (local.get $x)))
