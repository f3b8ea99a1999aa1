;; What clang emits where `import_module` is forgotten.
;; expect: S110 at 0x12
;; message: import env.PAGE_SHIFT
;; suggests: did you mean `kconfig.PAGE_SHIFT`
(module
  (import "env" "PAGE_SHIFT" (func (result i32))))
