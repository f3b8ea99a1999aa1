;; warning: no export `ptwalk_abi_1`: assumed version 1 of the contract
;; claim: abi version 1
(module)
