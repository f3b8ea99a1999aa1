;; claim: manifest name = arm64
;; claim: manifest kernel = 5.3 to 6.16
;; claim: manifest author = \u{1b}[31mred
;; warning: manifest key `licence` is unknown
;; warning: second manifest, which is ignored
(module
  (func (export "ptwalk_abi_1"))
  (@custom "ptwalk.manifest"
    "name = 'arm64'\nkernel = '5.3 to 6.16'\nauthor = \"\\u001b[31mred\"\nlicence = 'none'")
  (@custom "ptwalk.manifest" "name = 'other'"))
