;; Whether the loop goes round at all is whether a 62-bit number that is the product of two primes can be factored.
;; expect: L910 at 0x5a, export pte_modify, op loop
;; message: could not decide
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_modify") (param $x i64) (param $y i64) (result i64)
    (local $a i64) (local $b i64) (local $i i64)
    (local.set $a (i64.and (local.get $x) (i64.const 0x7fffffff)))
    (local.set $b (i64.and (local.get $y) (i64.const 0x7fffffff)))
    (block $out
      (loop $again
        (br_if $out (i64.ne (i64.mul (local.get $a) (local.get $b)) (i64.const 3221225445647483629)))
        (br_if $out (i64.le_u (local.get $a) (i64.const 1)))
        (br_if $out (i64.le_u (local.get $b) (i64.const 1)))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $again)))
    (local.get $i)))
