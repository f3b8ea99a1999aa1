;; The last size that is accepted.
;; warning: no export `ptwalk_abi_1`
;; claim: module 65536 bytes
;; claim: ignored custom section x of 65522 bytes
;; generate: PAD = 65522 x "."
(module
  (@custom "x" "{PAD}"))
