;; expect: S121 at 0x16, export ptwalk_abi_1
;; message: ptwalk_abi_1: found (func (result i32)), wanted (func)
(module
  (func (export "ptwalk_abi_1") (result i32) (i32.const 1)))
