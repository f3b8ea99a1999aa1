;; expect: S141 at 0x19
;; message: exception tag
;; expect: S141 at 0x30, function 0, op try_table
(module
  (tag $t)
  (func (export "pte_pfn") (param i64) (result i64)
    (block $caught
      (try_table (catch $t $caught)
        (throw $t)))
    (local.get 0)))
