;; `pmd_mkdevmap` is missing, and something of nearly that name is exported.
;; expect: S120 at 0x2a, export pmd_mk_devmap
;; message: pmd_mk_devmap: no such helper, but pmd_mkdevmap is missing
;; suggests: (func (param i64) (result i64))
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pmd_mk_devmap") (param i64) (result i64)
    (i64.or (local.get 0) (i64.const 0x0200000000000000))))
