;; A function that writes memory before any helper is called.
;; expect: S130 at 0x19, function 0
;; message: start function: function 0 `init` would run at instantiation
;; suggests: remove it
(module
  (memory 1)
  (func $init (i64.store (i32.const 0) (i64.const 1)))
  (start $init))
