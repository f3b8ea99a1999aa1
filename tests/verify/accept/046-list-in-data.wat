;; A list in read-only data: each node is the address of the next and a value. Four nodes, and no way round.
;; claim: forall x: u64. pte_to_phys(x) == phys_to_ttbr(x)
;; claim: forall x: u64. pte_to_phys(x) <= 34
(module
  (memory 1 1)
  (data (i32.const 1024)
    "\10\04\00\00\07\00\00\00" "\18\04\00\00\08\00\00\00"
    "\08\04\00\00\09\00\00\00" "\00\00\00\00\0a\00\00\00")
  (func (export "ptwalk_abi_1"))
  (func (export "phys_to_ttbr") (param $x i64) (result i64)
    ;; What the sums are: 34 from node 0, 18 from node 1, 27 from node 2, 10 from node 3.
    (i64.and (i64.shr_u (i64.const 0x0a1b1222) (i64.shl (i64.and (local.get $x) (i64.const 3)) (i64.const 3)))
      (i64.const 255)))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $node i32) (local $sum i64)
    (local.set $node
      (i32.add (i32.const 1024) (i32.shl (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3)) (i32.const 3))))
    (block $out
      (loop $again
        (br_if $out (i32.eqz (local.get $node)))
        (local.set $sum (i64.add (local.get $sum) (i64.load32_u offset=4 (local.get $node))))
        (local.set $node (i32.load (local.get $node)))
        (br $again)))
    (local.get $sum)))
