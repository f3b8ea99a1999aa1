;; Nobody has proved that this ends; that it goes on for too long is shown by an input.
;; expect: T210 at 0x66, export pte_to_phys
;; message: still looping after
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (local $n i64)
    (block $out
      (loop $again
        (br_if $out (i64.le_u (local.get $x) (i64.const 1)))
        (local.set $x
          (if (result i64) (i32.wrap_i64 (i64.and (local.get $x) (i64.const 1)))
            (then (i64.add (i64.mul (local.get $x) (i64.const 3)) (i64.const 1)))
            (else (i64.shr_u (local.get $x) (i64.const 1)))))
        (local.set $n (i64.add (local.get $n) (i64.const 1)))
        (br $again)))
    (local.get $n)))
