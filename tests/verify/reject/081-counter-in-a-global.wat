;; Two calls with equal arguments return 1 and 2.
;; expect: P610 at 0x51, export pte_to_phys, op end
;; message: a global keeps a value beyond the call
;; counterexample: x = 0x0: first pte_to_phys(x) = 0x1, second pte_to_phys(x) = 0x2
(module
  (global $calls (mut i64) (i64.const 0))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (global.get $calls)))
