;; What one helper leaves behind, another returns.
;; expect: P610 at 0x62, export phys_to_pte, op end
;; message: a global keeps a value beyond the call
;; counterexample: x = 0x1: pte_to_phys(x = 0x0) before = 0x0, pte_to_phys(x = 0x0) after = 0x1
(module
  (global $last (mut i64) (i64.const 0))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64) (global.get $last))
  (func (export "phys_to_pte") (param $x i64) (result i64)
    (global.set $last (local.get $x))
    (local.get $x)))
