;; An import of the host's world, never called.
;; expect: S110 at 0x15
;; message: import env.log
;; suggests: remove the import
;; suggests: PAGE_SHIFT, VA_BITS
(module
  (import "env" "log" (func (param i64)))
  (func (export "ptwalk_abi_1")))
