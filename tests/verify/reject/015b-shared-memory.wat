;; expect: S141 at 0xb
;; message: shared memory
(module
  (memory 1 1 shared))
