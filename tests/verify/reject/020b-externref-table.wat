;; expect: S141 at 0xb
(module
  (table 0 externref))
