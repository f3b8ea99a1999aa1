;; expect: S151 at 0xb
(module
  (memory 257))
