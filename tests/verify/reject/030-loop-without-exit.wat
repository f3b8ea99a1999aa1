;; Nothing in the loop leaves it.
;; expect: T200 at 0x44, export pte_to_phys, op end
;; message: never left
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (loop $again (br $again))
    (unreachable)))
