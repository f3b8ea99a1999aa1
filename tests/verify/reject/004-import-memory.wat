;; expect: S111 at 0xb
;; message: import env.memory
(module
  (import "env" "memory" (memory 1)))
