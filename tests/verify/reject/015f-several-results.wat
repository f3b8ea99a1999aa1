;; expect: S141 at 0xb
;; message: multi-value
(module
  (func $both (result i64 i64) (i64.const 1) (i64.const 2)))
