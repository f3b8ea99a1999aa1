;; expect: S100 at 0x17, function 0, op local.get 4294967295
;; message: unknown local
(module
  (func $f (drop (local.get 0xffffffff))))
