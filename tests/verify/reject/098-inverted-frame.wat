;; x86 keeps the frame of an entry that is not present inverted, against L1TF. The word 0 is not inverted; with a bit
;; set it is, and has another frame.
;; law: law frame_kept: forall x: u64. pmd_pfn(pmd_mkdevmap(x)) == pmd_pfn(x)
;; expect: C801 at 0xce, export pmd_mkdevmap, op i64.or
;; message: law frame_kept: does not hold for every input
;; counterexample: x = 0x0: pmd_pfn(pmd_mkdevmap(x)) = 0xfffffffe00, pmd_pfn(x) = 0x0

(module
  (func (export "ptwalk_abi_1"))
  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 58)) (i64.const 1))))  (func (export "pmd_none") (param $x i64) (result i32) (i64.eqz (local.get $x)))
  (func (export "pmd_present") (param $x i64) (result i32)
    (i64.ne (i64.and (local.get $x) (i64.const 0x181)) (i64.const 0)))
  ;; L1TF (arch/x86/include/asm/pgtable-invert.h, v5.3): an entry that is not zero and not present has its frame inverted.
  (func $protnone_mask (param $x i64) (result i64)
    (select (i64.const 0) (i64.const -1)
      (i32.or (i64.eqz (local.get $x)) (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 1)))))
  (func (export "pmd_pfn") (param $x i64) (result i64)
    (i64.shr_u
      (i64.and (i64.xor (local.get $x) (call $protnone_mask (local.get $x))) (i64.const 0xfffffffe00000))
      (i64.const 12)))
  (func (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.or (local.get $x) (i64.const 0x400000000000000))))
