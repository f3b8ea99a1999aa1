;; One group of the section may hold any number of types.
;; expect: L905 at 0xc
;; message: types: more than the ceiling of 256
;; generate: TYPES = 257 x (type (func))
(module (rec {TYPES}))
