;; expect: L900 at module
;; message: module of 65537 bytes
;; generate: PAD = 65523 x "."
(module
  (@custom "x" "{PAD}"))
