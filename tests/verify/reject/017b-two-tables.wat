;; expect: S141 at 0xe
;; message: second table
(module
  (table 1 funcref)
  (table 1 funcref))
