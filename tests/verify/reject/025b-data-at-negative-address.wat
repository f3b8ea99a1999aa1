;; The address is read without sign: this is 4 GiB - 1, not one below zero.
;; expect: S150 at 0x10
;; message: at 0xffffffff
(module
  (memory 1)
  (data (i32.const -1) "0"))
