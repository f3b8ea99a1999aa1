;; expect: L905 at 0x10
;; message: exports: more than the ceiling of 512
;; generate: EXPORTS = 513 x (export "e{i}" (memory 0))
(module (memory 1) {EXPORTS})
