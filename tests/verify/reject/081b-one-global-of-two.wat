;; The first global changes; that the second does not takes a proof: a + b == (a ^ b) + 2 * (a & b). One condition must
;; not take the place of the other.
;; expect: P610 at 0x75, export pte_to_phys, op end
;; message: a global keeps a value beyond the call
;; counterexample: x = 0x0: first pte_to_phys(x) = 0x1, second pte_to_phys(x) = 0x2
(module
  (global $calls (mut i64) (i64.const 0))
  (global $same (mut i64) (i64.const 0))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $y i64)
    (local.set $y (i64.shr_u (local.get $x) (i64.const 7)))
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (global.set $same
      (i64.sub
        (i64.add (local.get $x) (local.get $y))
        (i64.add
          (i64.xor (local.get $x) (local.get $y))
          (i64.shl (i64.and (local.get $x) (local.get $y)) (i64.const 1)))))
    (global.get $calls)))
