;; An operator whose cost is a number in it: 33 operands, taken from unreachable code.
;; expect: L905 at 0x1b, function 0, op array.new_fixed
;; message: array.new_fixed of arity 33
(module
  (type $a (array i64))
  (func unreachable array.new_fixed $a 33 drop))
