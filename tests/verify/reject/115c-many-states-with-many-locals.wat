;; Every branch out of the block leaves a state of a thousand words waiting at its end.
;; expect: L908 at 0x1045, export pte_to_phys
;; message: states at the ends of open blocks hold more than 524288 words
;; generate: LOCALS = 1000 x i64
;; generate: EXITS = 1000 x (br_if $out (i64.eq (local.get $x) (i64.const {i})))
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local {LOCALS})
    (block $out {EXITS})
    (local.get $x)))
