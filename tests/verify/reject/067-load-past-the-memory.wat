;; Eight bytes at 65533 end five bytes beyond the page.
;; expect: M501 at 0x4a, export pte_to_phys, op i64.load
;; message: access outside the memory
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load (i32.const 65533))))
