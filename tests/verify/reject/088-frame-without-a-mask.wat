;; The frame number is not masked, so that NX and the software bits above the address are part of it.
;; expect: R702 at 0x40, export pmd_pfn, op i64.shr_u
;; message: law pfn_range.pmd
;; counterexample: x = 0x10000000000000 (bit 52 pfn): pmd_pfn(x) = 0x10000000000 (bit 40), 1 << 52 - PAGE_SHIFT = 0x10000000000 (bit 40)
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pmd_pfn") (param $x i64) (result i64)
    (i64.shr_u (local.get $x) (i64.const 12))))
