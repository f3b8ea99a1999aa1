;; Blocks and nops cost no fuel, so that no bound on instructions stops ten million of them.
;; expect: L907 at 0x6c55, export pte_to_phys
;; message: the paths together take more than 262144 steps of work
;; generate: FREE = 10000 x (block nop nop)
;; generate: CALLS = 1000 x (call $free)
(module
  (func (export "ptwalk_abi_1"))
  (func $free {FREE})
  (func (export "pte_to_phys") (param $x i64) (result i64)
    {CALLS}
    (local.get $x)))
