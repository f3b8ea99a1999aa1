;; A megabyte of multiplications is refused for its size, before any is looked at. (As many as fit the ceiling are
;; for the budget of gates to refuse.)
;; expect: L900 at module
;; message: the ceiling is 65536
;; generate: MULS = 350000 x local.get 0 i64.mul
(module
  (func (export "pte_pfn") (param i64) (result i64)
    local.get 0 {MULS}))
