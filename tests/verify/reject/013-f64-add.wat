;; Floats in a function that is not even exported.
;; expect: S140 at 0x1d, function 0, op f64.add
;; message: f64.add: floats are outside the subset
;; suggests: use i32 and i64 only
(module
  (func $sum (param f64) (result f64)
    (f64.add (local.get 0) (local.get 0))))
