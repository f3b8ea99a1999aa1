;; Arithmetic in an initialiser.
;; expect: S141 at 0x11
;; message: constant expression
(module
  (global i32 (i32.add (i32.const 1) (i32.const 2))))
