;; Setting a bit and clearing it is no identity where the bit was set. (The contract has no helper that clears DEVMAP;
;; young and old are the same two operations.)
;; law: law undone: forall x: u64. pte_mkold(pte_mkyoung(x)) == x
;; expect: C801 at 0x77, export pte_mkold, op i64.and
;; message: law undone: does not hold for every input
;; suggests: The law holds where !pte_young(x)
;; counterexample: x = 0x20 (bit 5 young): pte_mkold(pte_mkyoung(x)) = 0x0, x = 0x20 (bit 5 young)
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_young") (param $x i64) (result i32)
    (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 5))) (i32.const 1)))
  (func (export "pte_mkyoung") (param $x i64) (result i64) (i64.or (local.get $x) (i64.const 0x20)))
  (func (export "pte_mkold") (param $x i64) (result i64) (i64.and (local.get $x) (i64.const -33))))
