;; A type with floats that no operator touches.
;; expect: S140 at 0xb
(module
  (func $unused (param f32)))
