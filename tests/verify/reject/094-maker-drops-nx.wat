;; A mask meant for the address drops NX on the way: data becomes executable.
;; law: law nx_kept: forall x: u64. pmd_mkdevmap(x)[63] == x[63]
;; expect: C801 at 0x78, export pmd_mkdevmap, op i64.and
;; message: law nx_kept: does not hold for every input
;; counterexample: x = 0x8000000000000000 (bit 63 +mkdevmap): pmd_mkdevmap(x)[63] = 0x0, x[63] = 0x1
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pmd_devmap") (param $x i64) (result i32)
    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $x) (i64.const 58)) (i64.const 1))))
  (func (export "pmd_mkdevmap") (param $x i64) (result i64)
    (i64.and (i64.or (local.get $x) (i64.const 0x400000000000000)) (i64.const 0x7fffffffffffffff))))
