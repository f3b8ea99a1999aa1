;; Independent errors come together, by offset.
;; expect: S110 at 0x1a
;; message: import env.log
;; expect: S121 at 0x2d, export pte_devmap
;; expect: S130 at 0x3c, function 1
;; expect: S140 at 0x45, function 2, op f32.const
(module
  (import "env" "log" (func (param i64)))
  (func $init)
  (start $init)
  (func $pi (drop (f32.const 3.14)))
  (func (export "pte_devmap") (param i32) (result i32) (local.get 0)))
