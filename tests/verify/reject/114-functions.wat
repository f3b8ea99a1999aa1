;; A chain of calls through 10,000 functions.
;; expect: L904 at 0x11
;; message: 10001 functions
;; generate: FUNCTIONS = 10000 x (func (call {i+1}))
(module
  {FUNCTIONS}
  (func))
