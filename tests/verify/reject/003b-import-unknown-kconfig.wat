;; The right module, but a name that is not in the list.
;; expect: S110 at 0x12
;; message: import kconfig.PAGESHIFT: no such value
;; suggests: did you mean `PAGE_SHIFT`?
;; expect: S110 at 0x26
;; message: import kconfig.CONFIG_NUMA_BALANCING: no such value
;; suggests: did you mean `NUMA_BALANCING`?
;; expect: S110 at 0x46
;; message: import kconfig.SLUB_DEBUG: no such value
;; suggests: remove the import
(module
  (import "kconfig" "PAGESHIFT" (func (result i32)))
  (import "kconfig" "CONFIG_NUMA_BALANCING" (func (result i32)))
  (import "kconfig" "SLUB_DEBUG" (func (result i32))))
