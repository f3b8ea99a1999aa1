;; expect: L905 at 0x12
;; message: imports: more than the ceiling of 64
;; generate: IMPORTS = 65 x (import "kconfig" "PAGE_SHIFT" (func (result i32)))
(module {IMPORTS})
