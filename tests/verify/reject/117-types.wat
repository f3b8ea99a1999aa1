;; expect: L905 at 0xb
;; message: types: more than the ceiling of 256
;; generate: TYPES = 257 x (type (func))
(module {TYPES})
