;; expect: S124 at 0x15, export ptwalk_abi_2
;; message: ptwalk_abi_2: version 2 of the plugin contract
(module
  (func (export "ptwalk_abi_2")))
