;; expect: S121 at 0x15, export pte_pfn
;; message: pte_pfn: found (func), wanted (func (param i64) (result i64))
(module
  (func (export "pte_pfn")))
