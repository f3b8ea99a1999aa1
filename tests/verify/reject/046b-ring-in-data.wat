;; The same with a way round: the last node points to the one before.
;; expect: T200 at 0x69, export pte_to_phys
;; message: never left
(module
  (memory 1 1)
  (data (i32.const 1024) "\08\04\00\00\07\00\00\00" "\00\04\00\00\08\00\00\00")
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $node i32) (local $sum i64)
    (local.set $node
      (i32.add (i32.const 1024) (i32.shl (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1)) (i32.const 3))))
    (block $out
      (loop $again
        (br_if $out (i32.eqz (local.get $node)))
        (local.set $sum (i64.add (local.get $sum) (i64.load32_u offset=4 (local.get $node))))
        (local.set $node (i32.load (local.get $node)))
        (br $again)))
    (local.get $sum)))
