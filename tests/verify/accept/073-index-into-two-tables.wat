;; Two tables with a gap between them, which the index never names: bit 3 of the address is 0.
;; claim: forall x: u64. pte_to_phys(x) == x[2:0] | x[4:4] << 4
(module
  (memory 1 1)
  (data (i32.const 0) "\00\01\02\03\04\05\06\07")
  (data (i32.const 16) "\10\11\12\13\14\15\16\17")
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load8_u (i32.wrap_i64 (i64.and (local.get $x) (i64.const 23))))))
