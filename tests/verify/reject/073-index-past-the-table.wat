;; Five bits of index into the same table: 16 is the first that reads beyond.
;; expect: M503 at 0x4c, export pte_to_phys, op i64.load8_u offset=1024
;; message: load beyond the end of the data
;; counterexample: x = 0x10 (bit 4 to_phys*)
(module
  (memory 1 1)
  (data (i32.const 1024) "\10\11\12\13\14\15\16\17\18\19\1a\1b\1c\1d\1e\1f")
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load8_u offset=1024 (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 31)))))
