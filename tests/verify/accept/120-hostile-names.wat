;; The name section would colour a terminal, turn the direction of writing, or fill the screen.
;; claim: function 0 is named \u{1b}[31mred
;; claim: function 1 is named \u{202e}drawkcab
;; claim: function 2 is named nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…(40000 bytes)
;; claim: ignored exported memory \u{1b}]0;title\u{7}
;; generate: LONG = 40000 x "n"
(module
  (memory (export "\u{1b}]0;title\u{7}") 1)
  (func $"\u{1b}[31mred" (export "ptwalk_abi_1"))
  (func $"\u{202e}drawkcab")
  (func $"{LONG}"))
