;; An entry is 64 bits, not 32.
;; expect: S121 at 0x17, export pte_devmap
;; message: pte_devmap: found (func (param i32) (result i32)), wanted (func (param i64) (result i32))
;; suggests: extern "C" fn pte_devmap(x: u64) -> i32
(module
  (func (export "pte_devmap") (param i32) (result i32)
    (i32.and (local.get 0) (i32.const 1))))
