;; expect: S141 at 0x33, function 0, op i64.atomic.rmw.add
;; message: i64.atomic.rmw.add: outside the integer subset
(module
  (memory 1)
  (func (export "pte_mkyoung") (param i64) (result i64)
    (i64.atomic.rmw.add (i32.const 0) (local.get 0))))
