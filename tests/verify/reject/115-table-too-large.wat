;; A load that may choose from 32,768 bytes of data: each would be an input of a multiplexer.
;; expect: L906 at 0x4e, export pte_to_phys, op i64.load8_u
;; message: a load chooses from 32768 entries of read-only data, at most 4096 are allowed
;; generate: DATA = 32768 x "x"
(module
  (memory 1 1)
  (data (i32.const 0) "{DATA}")
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.load8_u (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0x7fff)))))
