;; The encoder is of the 52-bit form, the decoder of the 48-bit form. Each is right by itself.
;; config: PAGE_SHIFT = 16
;; config: PA_BITS = 52
;; expect: C801 at 0x6d, export pte_to_phys, op i64.and
;; message: law address_round_trip: does not hold for every input
(module
  (func (export "ptwalk_abi_1"))
  ;; arm64's 52-bit form with 64K pages (__phys_to_pte_val, v5.3): bits 51 to 48 of the address go to bits 15 to 12.
  (func (export "phys_to_pte") (param $pa i64) (result i64)
    (i64.and
      (i64.or (local.get $pa) (i64.shr_u (local.get $pa) (i64.const 36)))
      (i64.const 0xfffffffff000)))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.and (local.get $x) (i64.const 0xfffffffff000))))
