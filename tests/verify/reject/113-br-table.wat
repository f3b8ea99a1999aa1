;; A jump table with a million targets.
;; expect: L903 at 0x1e, function 0, op br_table
;; message: br_table with 1000000 targets
;; generate: TARGETS = 1000000 x 0
(module
  (func $f (param i32) local.get 0 br_table {TARGETS} 0))
