;; expect: L905 at 0xb
;; message: table of 4294967295 slots
(module (table 0xffffffff funcref))
