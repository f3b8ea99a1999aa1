;; The loop ends after thirty rounds, which are too long: their test has not changed when the call has had its instructions, and
;; was once said never to.
;; expect: T210 at 0xde, export pte_to_phys
;; message: still looping after
;; generate: ROUND = 40 x (local.set $x (i64.xor (local.get $x) (i64.const {i})))
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $i i32)
    (loop $again
      {ROUND}
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 30))))
    (local.get $x)))
