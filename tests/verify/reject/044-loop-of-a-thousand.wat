;; A thousand iterations are within the ceiling, their instructions are not.
;; expect: T240 at 0x?, export untagged_addr
;; generate: BODY = 1366 x (i64.mul (local.get $x))
(module
  (func (export "ptwalk_abi_1"))
  (func (export "untagged_addr") (param $x i64) (result i64) (local.get $x)
    {BODY}))
