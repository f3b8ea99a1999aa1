;; expect: S141 at 0x29, function 0, op struct.new
;; expect: S141 at 0x30, function 1, op ref.func
(module
  (type $pair (struct (field i64) (field i64)))
  (elem declare func 0)
  (func $one (drop (struct.new $pair (i64.const 1) (i64.const 2))))
  (func $two (drop (ref.func $one))))
