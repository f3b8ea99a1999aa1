;; Case 2 of the table goes back to the loop around it. The state does not change on the way, so that this is no
;; matter of time: the loop is never left.
;; expect: T200 at 0x54, export pte_to_phys
;; message: never left
;; counterexample: x = 0x2
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (loop $again
      (block $b
        (block $a
          (br_table $a $b $again $b (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3))))))
    (local.get $x)))
