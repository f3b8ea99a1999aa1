;; expect: P601 at 0x31, function 0, export pte_devmap, op memory.grow
(module
  (memory 1 2)
  (func (export "pte_devmap") (param i64) (result i32)
    (memory.grow (i32.const 1))))
