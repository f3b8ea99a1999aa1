;; Which function runs depends on bit 0 of the entry.
;; expect: S131 at 0x46, function 1, export pte_devmap, op call_indirect (type 0)
(module
  (type $predicate (func (param i64) (result i32)))
  (table 1 funcref)
  (elem (i32.const 0) $f)
  (func $f (type $predicate) (i32.const 0))
  (func (export "pte_devmap") (type $predicate)
    (call_indirect (type $predicate)
      (local.get 0)
      (i32.wrap_i64 (i64.and (local.get 0) (i64.const 1))))))
