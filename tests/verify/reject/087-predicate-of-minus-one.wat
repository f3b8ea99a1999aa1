;; 0 - bit is -1 where the bit is set: true in C, and not 1.
;; expect: R701 at 0x4a, export pte_devmap, op i32.sub
;; message: neither 0 nor 1
;; counterexample: x = 0x200000000000000 (bit 57 devmap*): pte_devmap(x) = 0xffffffff
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_devmap") (param $x i64) (result i32)
    (i32.sub (i32.const 0) (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 57)) (i64.const 1))))))
