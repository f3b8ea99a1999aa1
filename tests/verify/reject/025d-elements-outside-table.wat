;; expect: S150 at 0x1b
;; message: element segment at slot 1 with 1 functions: the table has 1
(module
  (table 1 funcref)
  (elem (i32.const 1) $f)
  (func $f))
