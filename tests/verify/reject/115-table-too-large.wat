;; expect: L906 at 0x4f, export untagged_addr
;; generate: DATA = 20000 x "\01\02"
(module
  (func (export "ptwalk_abi_1"))
  (memory 1)
  (data (i32.const 0) "{DATA}")
  (func (export "untagged_addr") (param $x i64) (result i64)
    (i64.load8_u (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0x7fff)))))
