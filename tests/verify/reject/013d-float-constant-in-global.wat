;; expect: S140 at 0xb
(module
  (global f32 (f32.const 1)))
