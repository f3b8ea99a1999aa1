;; Four bits of index into a table of 16 bytes.
;; claim: forall x: u64. pte_to_phys(x) >= 16 && pte_to_phys(x) <= 31
;; claim: forall x: u64. pte_to_phys(x) == x[63:60] + 16
(module
  (memory 1 1)
  (data (i32.const 1024) "\10\11\12\13\14\15\16\17\18\19\1a\1b\1c\1d\1e\1f")
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load8_u offset=1024 (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 60))))))
