;; expect: S141 at 0xb
;; message: 64-bit memory
(module
  (memory i64 1))
