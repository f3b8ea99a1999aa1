;; Each function is judged on its own, and floats are not mentioned while the module is not valid.
;; expect: S100 at 0x1d, function 0, op end
;; expect: S100 at 0x20, function 1, op local.get 7
(module
  (func (result i32))
  (func (drop (local.get 7)))
  (func (drop (f32.const 1))))
