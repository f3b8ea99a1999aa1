;; Not well typed: the rules of WebAssembly itself are broken.
;; expect: S100 at 0x1d, function 0, op i32.add
;; message: i32.add: type mismatch: expected i32, found i64
(module
  (func $sum (param i64) (result i32)
    (i32.add (local.get 0) (local.get 0))))
