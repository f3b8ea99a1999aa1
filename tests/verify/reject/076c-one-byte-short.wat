;; Seven of the eight bytes have been written.
;; expect: P620 at 0x6f, export pte_to_phys, op i64.load
;; message: load of stack that this call has not written
;; counterexample: x = 0x0
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 65536))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.store32 (i32.const 65528) (local.get $x))
    (i64.store16 (i32.const 65532) (local.get $x))
    (i64.store8 (i32.const 65534) (local.get $x))
    (i64.load (i32.const 65528))))
