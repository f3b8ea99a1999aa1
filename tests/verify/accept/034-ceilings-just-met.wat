;; Every one of these is the last size that is accepted.
;; claim: functions 256
;; claim: memory 256 pages
;; claim: ignored table of 1024 slots
;; generate: TYPES = 254 x (type (func))
;; generate: PARAMS = 32 x i64
;; generate: BLOCKS = 256 x block
;; generate: ENDS = 256 x end
;; generate: TARGETS = 256 x 0
;; generate: FUNCTIONS = 252 x (func)
;; generate: LOCALS = 50000 x i64
(module
  {TYPES}
  (type (func (param {PARAMS})))
  (type (func (param i32)))
  (table 1024 funcref)
  (memory 256)
  (func (export "ptwalk_abi_1"))
  (func {BLOCKS} {ENDS})
  (func (param i32) local.get 0 br_table {TARGETS} 0)
  (func (local {LOCALS}))
  {FUNCTIONS})
