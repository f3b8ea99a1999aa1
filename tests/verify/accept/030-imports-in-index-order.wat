;; The same value may be imported twice, and an import may itself be what a helper does.
;; claim: imports VA_BITS PAGE_SHIFT VA_BITS
;; claim: exports PGDIR_SHIFT as function 2
;; claim: exports pte_to_phys as function 4
(module
  (import "kconfig" "VA_BITS" (func (result i32)))
  (import "kconfig" "PAGE_SHIFT" (func $page_shift (result i32)))
  (import "kconfig" "VA_BITS" (func $va_bits (result i32)))
  (export "PGDIR_SHIFT" (func $va_bits))
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param i64) (result i64)
    (i64.shr_u (local.get 0) (i64.extend_i32_u (call $page_shift)))))
