;; A law that speaks of no entry is kept by anything.
;; law: law idle: forall x: u64 where x != x. pte_young(x)
;; expect: C890 at module, export pte_young
;; message: law idle: the precondition holds for no input
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_young") (param $x i64) (result i32)
    (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 5))) (i32.const 1)))
  (func (export "pte_mkyoung") (param $x i64) (result i64) (i64.or (local.get $x) (i64.const 0x20)))
  (func (export "pte_mkold") (param $x i64) (result i64) (i64.and (local.get $x) (i64.const -33))))
