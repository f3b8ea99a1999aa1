;; expect: S113 at 0xb
;; message: import env.__indirect_function_table: a plugin may not import a table
(module
  (import "env" "__indirect_function_table" (table 1 funcref)))
