;; expect: S141 at 0x35, function 0, op memory.fill
(module
  (memory 1)
  (func (export "pte_mkyoung") (param i64) (result i64)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 8))
    (local.get 0)))
