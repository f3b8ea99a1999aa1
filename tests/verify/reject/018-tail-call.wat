;; expect: S141 at 0x2e, function 1, op return_call 0
(module
  (func $f (param i64) (result i64) (local.get 0))
  (func (export "pte_pfn") (param i64) (result i64)
    (return_call $f (local.get 0))))
