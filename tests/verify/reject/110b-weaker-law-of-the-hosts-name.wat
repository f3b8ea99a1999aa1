;; The file's law holds, and it is not the one that counts.
;; law: law makers_are_idempotent: forall x: u64 where x == 0. pte_mkyoung(x) == 0x20
;; warning: C893: law `makers_are_idempotent` is the host's own
;; expect: C801 at 0x44, export pte_mkyoung, op i64.add
;; message: law makers_are_idempotent.mkyoung.pte: does not hold for every input
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_mkyoung") (param $x i64) (result i64) (i64.add (local.get $x) (i64.const 0x20))))
