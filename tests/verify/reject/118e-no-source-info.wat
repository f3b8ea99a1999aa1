;; The error is the same with a line table of 4 GiB, or one that begins where it begins, as without any.
;; expect: X403 at 0x3c, export pud_pfn, op unreachable
;; source: none
;; warning: no source info: cannot read the line table at 0x0 of .debug_line
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pud_pfn") (param $x i64) (result i64)
    unreachable)
  (@custom ".debug_line" "\00\00\00\00\04\00\00\00\00\00")
  (@custom ".debug_info" "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\00\00\00\00"))
