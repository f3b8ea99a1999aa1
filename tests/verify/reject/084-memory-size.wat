;; The size of a memory that may grow is state; nothing in this module grows it, but an embedder may.
;; expect: P602 at 0x46, export pte_to_phys, op memory.size
;; message: memory.size of a memory that may grow
;; counterexample: x = 0x0
(module
  (memory 1 2)
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (i64.extend_i32_u (memory.size))))
