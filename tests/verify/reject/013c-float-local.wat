;; expect: S140 at 0x29
(module
  (func (export "pte_devmap") (param i64) (result i32)
    (local f64)
    (i32.const 0)))
