;; The argument is copied, and the copy is looked at for ever; the end of the function is unreachable (prevail#1196).
;; expect: T200 at 0x4d, export pte_to_phys, op end
;; message: never left
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $copy i64)
    (local.set $copy (local.get $x))
    (loop $again
      (drop (local.get $copy))
      (br $again))
    (unreachable)))
