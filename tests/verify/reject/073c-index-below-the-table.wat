;; The table lies above the stack, and the index is not held to the table: the first four addresses are below it. Both
;; are said, that it is not the table and that it is the stack.
;; expect: M503 at 0x59, export pte_to_phys, op i64.load8_u
;; message: load beyond the end of the data
;; counterexample: x = 0x0
;; expect: M504 at 0x59, export pte_to_phys, op i64.load8_u
;; message: computed address of a load inside the stack
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 1024))
  (data (i32.const 1024) "\10\11\12\13\14\15\16\17\18\19\1a\1b\1c\1d\1e\1f")
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load8_u (i32.add (i32.const 1020) (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 15))))))
