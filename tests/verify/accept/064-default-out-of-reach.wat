;; Two bits name four cases, and the default is none of them.
;; claim: forall x: u64. pte_to_phys(x) == x[1:0] + 1
(module
  (func (export "ptwalk_abi_1"))
  (func (export "pte_to_phys") (param $x i64) (result i64)
    (block $default
      (block $d
        (block $c
          (block $b
            (block $a
              (br_table $a $b $c $d $default (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3))))
            (return (i64.const 1)))
          (return (i64.const 2)))
        (return (i64.const 3)))
      (return (i64.const 4)))
    unreachable))
