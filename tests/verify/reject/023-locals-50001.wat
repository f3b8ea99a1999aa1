;; expect: S103 at 0x16, function 0
;; message: 50001 locals
;; generate: LOCALS = 50001 x i64
(module
  (func $f (local {LOCALS})))
