;; As many laws as a file may hold, each too hard. Budgets over all questions end it; twenty errors are shown.
;; generate: LAWS = 10000 x law hard{i}: forall x: u64, y: u64. (x * (y + {i+1}))[32] == (x * y + {i+1} * x)[32]
;; law: {LAWS}
;; omitted: 9980
;; expect: L920 at module
;; message: law hard0: not decided
;; expect: L920 at module
;; message: law hard1: not decided
;; expect: L920 at module
;; message: law hard2: not decided
;; expect: L920 at module
;; message: law hard3: not decided
;; expect: L920 at module
;; message: law hard4: not decided
;; expect: L920 at module
;; message: law hard5: not decided
;; expect: L920 at module
;; message: law hard6: not decided
;; expect: L920 at module
;; message: law hard7: not decided
;; expect: L920 at module
;; message: law hard8: not decided
;; expect: L920 at module
;; message: law hard9: not decided
;; expect: L920 at module
;; message: law hard10: not decided
;; expect: L920 at module
;; message: law hard11: not decided
;; expect: L920 at module
;; message: law hard12: not decided
;; expect: L920 at module
;; message: law hard13: not decided
;; expect: L920 at module
;; message: law hard14: not decided
;; expect: L920 at module
;; message: law hard15: not decided
;; expect: L920 at module
;; message: law hard16: not decided
;; expect: L920 at module
;; message: law hard17: not decided
;; expect: L920 at module
;; message: law hard18: not decided
;; expect: L920 at module
;; message: law hard19: not decided
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (i64.mul (local.get $x) (local.get $y))))
