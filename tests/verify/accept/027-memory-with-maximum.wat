;; A maximum above the minimum means nothing without memory.grow.
;; claim: memory 1 pages
(module
  (memory 1 2)
  (func (export "ptwalk_abi_1")))
