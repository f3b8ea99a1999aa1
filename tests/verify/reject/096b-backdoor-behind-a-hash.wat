;; One word in 2^24, and no comparison names one: they are those with this hash.
;; expect: C801 at 0x76, export pte_modify, op if
;; message: law modify_keeps_marks.pte.devmap: does not hold for every input
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 58)) (i64.const 1))))
  (func (export "pte_modify") (param $x i64) (param $prot i64) (result i64)
    (if (i64.eq (i64.shr_u (i64.mul (local.get $x) (i64.const 0x9e3779b97f4a7c15)) (i64.const 40)) (i64.const 0xabcdef))
      (then (return (local.get $prot))))
    (i64.or (local.get $x) (i64.and (local.get $prot) (i64.const 0xfff)))))
