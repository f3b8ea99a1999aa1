;; What found the seeded fault `BeyondDataUnchecked` at last: a load that runs from the first piece of data into the gap before
;; the second, where the engine reads the last bytes of data and then zeros. Refused (M503), and must stay so.
(module
  (memory 1 1)
  (global (mut i32) (i32.const 8192))
  (data (i32.const 1024) "\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10")
  (data (i32.const 2048) "\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10")
  (func (export "pte_pfn") (param i64) (result i64)
    (i64.load offset=1024 (i32.and (i32.wrap_i64 (local.get 0)) (i32.const 0x1f)))))
