;; The first number that is refused.
;; expect: L904 at 0x11
;; message: 257 functions
;; generate: FUNCTIONS = 257 x (func)
(module {FUNCTIONS})
