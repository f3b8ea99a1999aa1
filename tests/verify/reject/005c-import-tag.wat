;; expect: S113 at 0x12
;; message: import env.__cpp_exception: a plugin may not import an exception tag
(module
  (import "env" "__cpp_exception" (tag (param i32))))
