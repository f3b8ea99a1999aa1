;; The same, noticed by a law of the host: what the hardware permits changes.
;; expect: C801 at 0xbb, export pmd_mkdevmap, op i64.and
;; message: law perms_kept.pmd.mkdevmap: does not hold for every input
;; counterexample: x = 0x8000000000000001 (bits 63 mmu_perms*, 0 valid): pmd_mmu_perms(pmd_mkdevmap(x)) = 0x5, pmd_mmu_perms(x) = 0x1
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 58)) (i64.const 1))))
  (func (export "pmd_valid") (param $x i64) (result i32)
    (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1)))
  ;; Readable where valid, and executable where NX is clear.
  (func (export "pmd_mmu_perms") (param $x i64) (result i32)
    (if (result i32) (i32.eqz (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1)))
      (then (i32.const 0))
      (else
        (i32.or (i32.const 1)
          (i32.shl (i64.eqz (i64.shr_u (local.get $x) (i64.const 63))) (i32.const 2))))))
  (func (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.and (i64.or (local.get $x) (i64.const 0x400000000000000)) (i64.const 0x7fffffffffffffff))))
