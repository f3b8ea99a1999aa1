;; expect: S141 at 0x2c, function 0, op i64x2.splat
(module
  (func (export "pte_mkyoung") (param i64) (result i64)
    (i64x2.extract_lane 0 (i64x2.splat (local.get 0)))))
