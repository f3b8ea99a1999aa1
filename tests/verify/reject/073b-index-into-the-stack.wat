;; The address is anywhere in the stack, where it reads what earlier calls have left behind.
;; expect: M504 at 0x56, export pte_to_phys, op i64.load8_u
;; message: computed address of a load inside the stack
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 1024))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load8_u (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1023)))))
