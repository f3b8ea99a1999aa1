;; Even an empty segment traps where it starts beyond the end.
;; expect: S150 at 0x10
(module
  (memory 1)
  (data (i32.const 65537) ""))
