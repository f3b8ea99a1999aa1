;; `01` is not how the contract spells its version, and neither is `next`.
;; expect: S124 at 0x16, export ptwalk_abi_01
;; expect: S124 at 0x26, export ptwalk_abi_next
(module
  (func (export "ptwalk_abi_01"))
  (func (export "ptwalk_abi_next")))
