;; What clang and wasm-ld emit around a helper: none of it is used.
;; claim: ignored table of 1 slot
;; claim: ignored mutable global 0 __stack_pointer
;; claim: ignored exported memory memory
;; claim: ignored exported immutable global __data_end
;; claim: ignored exported immutable global __heap_base
;; claim: ignored exported table __indirect_function_table
;; claim: ignored custom section .debug_info of 3 bytes
;; claim: ignored custom section .debug_line of 4 bytes
;; claim: ignored custom section producers of 1 byte
;; claim: ignored custom section target_features of 1 byte
;; claim: exports pte_devmap as function 1
;; claim: memory 2 pages
;; warning: no source info
(module
  (table (export "__indirect_function_table") 1 1 funcref)
  (memory (export "memory") 2)
  (global $__stack_pointer (mut i32) (i32.const 66560))
  (global (export "__data_end") i32 (i32.const 1024))
  (global (export "__heap_base") i32 (i32.const 66560))
  (func (export "ptwalk_abi_1"))
  (func $pte_devmap (export "pte_devmap") (param i64) (result i32)
    (i32.and (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 57))) (i32.const 1)))
  (@custom ".debug_info" "abc")
  (@custom ".debug_line" "\ff\ff\ff\ff")
  (@custom "producers" "\00")
  (@custom "target_features" "\00"))
