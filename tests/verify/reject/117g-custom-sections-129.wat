;; expect: L905 at 0x31c
;; message: custom sections: more than the ceiling of 128
;; generate: SECTIONS = 129 x (@custom "s{i}" "")
(module {SECTIONS})
