;; warning: manifest is not read
;; claim: abi version 1
(module
  (func (export "ptwalk_abi_1"))
  (@custom "ptwalk.manifest" "name = \ff"))
