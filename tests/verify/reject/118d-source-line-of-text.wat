;; An assembler's line table names the text itself.
;; debug: lines
;; expect: X401 at 0x52, export pmd_pfn, op i64.div_u
;; source: 118d-source-line-of-text.wat:12
;; expect: X403 at 0x57, export pud_pfn, op unreachable
;; source: 118d-source-line-of-text.wat:14
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pmd_pfn") (param $x i64) (result i64)
    (i64.and
      (i64.const 0xfffffffff)
      (i64.div_u (i64.const 1) (local.get $x))))
  (func (export "pud_pfn") (param $x i64) (result i64)
    unreachable))
