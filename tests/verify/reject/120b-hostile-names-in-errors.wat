;; Names that would colour a terminal, turn the direction of writing, or fill the screen.
;; expect: S110 at 0x11
;; message: import e\u{1b}[31mv.lo\u{202e}g:
;; expect: S123 at 0x2b
;; message: (40000 bytes): exported function
;; generate: LONG = 40000 x "n"
(module
  (import "e\u{1b}[31mv" "lo\u{202e}g" (func))
  (func (export "{LONG}")))
