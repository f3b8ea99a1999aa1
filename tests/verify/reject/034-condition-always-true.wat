;; The counter is masked to 8 bits, so that it is always below 256.
;; expect: T200 at 0x4d, export pte_to_phys
;; message: never left
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $i i64)
    (loop $again
      (local.set $i (i64.and (i64.add (local.get $i) (i64.const 1)) (i64.const 255)))
      (br_if $again (i64.lt_u (local.get $i) (i64.const 256))))
    (local.get $i)))
