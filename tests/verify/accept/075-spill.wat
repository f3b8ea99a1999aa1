;; A word goes to the stack and comes back.
;; claim: forall x: u64. pte_to_phys(x) == x
;; claim: stack pte_to_phys <= 64
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 65536))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 32)))
    (i64.store offset=8 (global.get $sp) (local.get $x))
    (i64.load offset=8 (global.get $sp))
    (global.set $sp (i32.add (global.get $sp) (i32.const 32)))))
