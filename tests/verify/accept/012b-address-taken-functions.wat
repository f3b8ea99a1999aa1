;; A table with functions in it is noise as long as nothing calls through it.
;; claim: ignored table of 3 slots
;; claim: ignored element segment of 2 functions
(module
  (table 3 3 funcref)
  (elem (i32.const 1) $f $ptwalk_abi_1)
  (func $f (param i64) (result i64) (local.get 0))
  (func $ptwalk_abi_1 (export "ptwalk_abi_1")))
