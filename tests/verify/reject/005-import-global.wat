;; expect: S112 at 0xb
;; message: import env.g
(module
  (import "env" "g" (global (mut i32))))
