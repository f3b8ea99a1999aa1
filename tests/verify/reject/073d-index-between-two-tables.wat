;; Two tables of 8 bytes with a gap of 8 between them: the index may fall into the gap.
;; expect: M503 at 0x4c, export pte_to_phys, op i64.load8_u
;; counterexample: x = 0x8
(module
  (memory 1 1)
  (data (i32.const 0) "\00\01\02\03\04\05\06\07")
  (data (i32.const 16) "\10\11\12\13\14\15\16\17")
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load8_u (i32.wrap_i64 (i64.and (local.get $x) (i64.const 15))))))
