;; 4 GiB.
;; expect: S151 at 0xb
;; message: memory of 65536 pages
(module
  (memory 65536))
