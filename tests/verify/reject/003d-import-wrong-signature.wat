;; expect: S121 at 0x17
;; message: import kconfig.PAGE_SHIFT: found (func (result i64)), wanted (func (result i32))
;; expect: S121 at 0x2c
;; message: import kconfig.VA_BITS: found (func (param i32) (result i32)), wanted (func (result i32))
(module
  (import "kconfig" "PAGE_SHIFT" (func (result i64)))
  (import "kconfig" "VA_BITS" (func (param i32) (result i32))))
