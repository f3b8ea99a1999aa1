;; The first size that is refused.
;; expect: L903 at 0x1c, function 0, op br_table
;; generate: TARGETS = 257 x 0
(module
  (func $f (param i32) local.get 0 br_table {TARGETS} 0))
