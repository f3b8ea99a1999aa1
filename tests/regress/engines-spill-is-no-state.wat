;; The first thing that `engines` found was wrong with `engines` itself: a word spilled to the shadow stack stays there when
;; the stack pointer is back, and that is no state, because no call reads what it has not written.
(module
  (memory 1 1)
  (global $sp (mut i32) (i32.const 8192))
  (func (export "pmd_mkold") (param i64) (result i64)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (i64.store (global.get $sp) (local.get 0))
    (local.set 0 (i64.load (global.get $sp)))
    (global.set $sp (i32.add (global.get $sp) (i32.const 16)))
    (local.get 0)))
