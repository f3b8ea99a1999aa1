;; 100,000 blocks in each other: deep enough to overflow the stack of a recursive verifier.
;; expect: L901 at 0x21b, function 0, op block
;; message: blocks nested more than 256 deep
;; generate: BLOCKS = 100000 x block
;; generate: ENDS = 100000 x end
(module
  (func $f {BLOCKS} {ENDS}))
