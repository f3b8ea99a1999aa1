;; What a C variable `int PGDIR_SHIFT = 39;` becomes.
;; expect: S122 at 0x13, export PGDIR_SHIFT
;; message: PGDIR_SHIFT: exported, but not as a function
(module
  (global (export "PGDIR_SHIFT") i32 (i32.const 39)))
