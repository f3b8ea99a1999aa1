;; Seven functions that each call the next 20 times: the last would be put in place 20^7 times, more than 2^30.
;; generate: A = 20 x (call $b)
;; generate: B = 20 x (call $c)
;; generate: C = 20 x (call $d)
;; generate: D = 20 x (call $e)
;; generate: E = 20 x (call $f)
;; generate: F = 20 x (call $g)
;; generate: G = 20 x (call $h)
;; expect: T240 at 0x177, export pte_to_phys
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param i64) (result i64) {A} (local.get 0))
  (func $b {B})
  (func $c {C})
  (func $d {D})
  (func $e {E})
  (func $f {F})
  (func $g {G})
  (func $h))
