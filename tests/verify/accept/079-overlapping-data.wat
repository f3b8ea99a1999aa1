;; The last segment in the file wins at 4 to 7. Neighbours that only touch do not overlap.
;; warning: data segment at 0x4 overlaps another
;; claim: data 20 bytes
(module
  (memory 1)
  (func (export "ptwalk_abi_1"))
  (data (i32.const 0) "aaaaaaaa")
  (data (i32.const 4) "bbbbbbbb")
  (data (i32.const 12) "cccc"))
