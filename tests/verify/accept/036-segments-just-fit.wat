;; The last addresses that do not trap, and an empty segment at the very end.
;; claim: data 10 bytes
(module
  (memory 1)
  (func (export "ptwalk_abi_1"))
  (data (i32.const 65526) "0123456789")
  (data (i32.const 65536) ""))
