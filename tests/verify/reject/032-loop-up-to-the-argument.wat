;; The loop ends for every input, but not soon: it counts up to the argument. The ceiling on instructions comes before
;; that on iterations, as no loop that computes anything costs less than four instructions a round.
;; expect: T210 at 0x50, export pte_to_phys
;; message: still looping after
;; counterexample: x = 0xffffffffffffffff
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $i i64)
    (loop $again
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $again (i64.lt_u (local.get $i) (local.get $x))))
    (local.get $i)))
