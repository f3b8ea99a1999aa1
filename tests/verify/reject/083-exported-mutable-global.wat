;; expect: S125 at 0x15, export __stack_pointer
;; message: __stack_pointer: exported global that can change
(module
  (global (export "__stack_pointer") (mut i32) (i32.const 65536)))
