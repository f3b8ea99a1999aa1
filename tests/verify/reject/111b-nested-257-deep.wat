;; The first depth that is refused, in a small module and with every kind of block.
;; expect: L901 at 0x21b, function 0, op if
;; generate: BLOCKS = 128 x block loop
;; generate: ENDS = 257 x end
(module
  (func $f {BLOCKS} i32.const 1 if {ENDS}))
