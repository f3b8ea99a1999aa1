;; Names never change a verdict, even where they cannot be read.
;; warning: name section is malformed
;; claim: exports pte_to_phys as function 1
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param i64) (result i64) (local.get 0))
  (@custom "name" "\01\ff\ff\ff\ff\0f"))
