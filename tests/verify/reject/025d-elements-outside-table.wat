;; expect: S150 at 0x1b
;; message: element segment of 1 function at slot 1: the table has 1 slot
(module
  (table 1 funcref)
  (elem (i32.const 1) $f)
  (func $f))
