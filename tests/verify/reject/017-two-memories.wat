;; expect: S141 at 0xd
;; message: second memory
(module
  (memory 1)
  (memory 1))
