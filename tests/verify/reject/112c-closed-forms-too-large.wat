;; Sixty products to choose from, in a function that four exports call 100 times each.
;; expect: L902 at 0x?
;; message: closed forms need more than
;; generate: PICK = 60 x (block (br_if 0 (i64.ne (i64.and (local.get 0) (i64.const 63)) (i64.const {i}))) (return (i64.mul (i64.add (local.get 0) (i64.const {i})) (i64.xor (local.get 0) (i64.const {i+1})))))
;; generate: CALLS = 90 x (call $pick)
(module
  (func (export "ptwalk_abi_1"))
  (func $pick (param i64) (result i64)
    {PICK}
    (i64.rotl (local.get 0) (i64.const 5)))
  (func (export "untagged_addr") (param i64) (result i64) (local.get 0) {CALLS})
  (func (export "pte_to_phys") (param i64) (result i64) (i64.const 1) (i64.add (local.get 0)) {CALLS})
  (func (export "root_phys") (param i64) (result i64) (i64.const 2) (i64.add (local.get 0)) {CALLS})
  (func (export "pte_mkyoung") (param i64) (result i64) (i64.const 3) (i64.add (local.get 0)) {CALLS})
  (func (export "pte_mkold") (param i64) (result i64) (i64.const 4) (i64.add (local.get 0)) {CALLS})
  (func (export "swp_type") (param i64) (result i64) (i64.const 5) (i64.add (local.get 0)) {CALLS}))
