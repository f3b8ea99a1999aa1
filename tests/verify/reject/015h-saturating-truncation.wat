;; expect: S140 at 0x28, function 0, op f64.convert_i64_u
(module
  (func (export "pte_pfn") (param i64) (result i64)
    (i64.trunc_sat_f64_u (f64.convert_i64_u (local.get 0)))))
