;; expect: S141 at 0x10
;; message: bulk memory
(module
  (memory 1)
  (data "never copied"))
