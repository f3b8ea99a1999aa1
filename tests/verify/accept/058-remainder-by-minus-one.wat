;; A remainder does not overflow: of the least number by -1 it is 0. An engine that traps here is wrong.
;; claim: forall x: u64. pte_to_phys(x) == 0
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.rem_s (i64.const 0x8000000000000000) (i64.const -1)))
  ;; The same by the argument, which may be -1.
  (func (export "phys_to_ttbr") (param $x i64) (result i64)
    (if (result i64) (i64.eqz (local.get $x))
      (then (i64.const 0))
      (else (i64.rem_s (i64.const 0x8000000000000000) (local.get $x))))))
