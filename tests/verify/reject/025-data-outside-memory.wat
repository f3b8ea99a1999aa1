;; Ten bytes from 65,530 on, in a memory of 65,536.
;; expect: S150 at 0x10
;; message: data segment of 10 bytes at 0xfffa: the memory has 0x10000 bytes
(module
  (memory 1)
  (data (i32.const 65530) "0123456789"))
