;; expect: L905 at 0xb
;; message: type of arity 33
;; generate: PARAMS = 33 x i64
(module (type (func (param {PARAMS}))))
