;; Changing the protection takes DEVMAP from the protection, as if it were one; what mprotect passes has it clear.
;; expect: C801 at 0x77, export pte_modify, op i64.or
;; message: law modify_keeps_marks.pte.devmap: does not hold for every input
;; counterexample: prot = 0x0, x = 0x400000000000000 (bit 58 devmap): pte_devmap(pte_modify(x, prot)) = 0x0
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 58)) (i64.const 1))))
  (func (export "pte_modify") (param $x i64) (param $prot i64) (result i64)
    (i64.or
      (i64.and (local.get $x) (i64.const 0x000ffffffffff060))
      (i64.and (local.get $prot) (i64.const 0xfff0000000000f9f)))))
