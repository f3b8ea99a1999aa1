;; expect: S123 at 0x17, export backdoor
;; message: backdoor: exported function outside the contract
(module
  (func (export "backdoor") (param i64) (result i64) (local.get 0)))
