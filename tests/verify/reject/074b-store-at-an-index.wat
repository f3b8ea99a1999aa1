;; Where the store goes depends on the argument. Even inside the stack it is refused.
;; expect: M511 at 0x5e, export pte_to_phys, op i64.store8
;; message: store at a computed address
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 65536))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.store8 (i32.or (i32.const 0xff00) (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 255))) (local.get $x))
    (local.get $x)))
