;; expect: S141 at 0x2c, function 0, op block (type 0)
(module
  (func (export "pte_mkyoung") (param i64) (result i64)
    (local.get 0)
    (block (param i64) (result i64))))
