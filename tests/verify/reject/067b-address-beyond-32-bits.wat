;; The effective address is 2^32, not 0: address and offset are added without wrapping.
;; expect: M501 at 0x48, export pte_to_phys, op i64.load8_u offset=1
;; message: access outside the memory
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load8_u offset=1 (i32.const -1))))
