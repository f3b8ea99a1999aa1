;; A helper of the contract that this plugin does not export, and that nothing stands in for.
;; law: law dirt: forall x: u64. !pte_dirty(pte_mkold(x))
;; expect: C891 at module, export pte_dirty
;; message: law dirt: the plugin does not export `pte_dirty`
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_young") (param $x i64) (result i32)
    (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 5))) (i32.const 1)))
  (func (export "pte_mkyoung") (param $x i64) (result i64) (i64.or (local.get $x) (i64.const 0x20)))
  (func (export "pte_mkold") (param $x i64) (result i64) (i64.and (local.get $x) (i64.const -33))))
