;; A mask too wide: with bit 58 set the predicate is 2.
;; expect: R701 at 0x47, export pte_devmap, op i32.wrap_i64
;; message: neither 0 nor 1
;; counterexample: x = 0x400000000000000 (bit 58 devmap*): pte_devmap(x) = 0x2
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 57)) (i64.const 3)))))
