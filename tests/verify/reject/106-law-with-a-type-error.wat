;; A number is no condition. The law in the other line is in order, and does not hold: both are said.
;; law: law made: forall x: u64. pte_mkold(x)
;; law: law undone: forall x: u64. pte_mkold(pte_mkyoung(x)) == x
;; expect: C801 at 0x77, export pte_mkold, op i64.and
;; message: law undone
;; expect: C892 at module
;; message: 1:26: expected a condition, found a number: compare it with something
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_young") (param $x i64) (result i32)
    (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 5))) (i32.const 1)))
  (func (export "pte_mkyoung") (param $x i64) (result i64) (i64.or (local.get $x) (i64.const 0x20)))
  (func (export "pte_mkold") (param $x i64) (result i64) (i64.and (local.get $x) (i64.const -33))))
