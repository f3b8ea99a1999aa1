/* What a ptwalk plugin in C needs: the ABI marker, the manifest, exports, kconfig imports. For clang, --target=wasm32.
 *
 * Helpers have the names and signatures of abi/src/helper.rs, imports the names of abi/src/kconfig.rs; the verifier
 * refuses others. Bits of a permission are those of abi/src/perms.rs. No libc and no header of clang's is used, so that
 * the bare compiler will do. */
#ifndef PTWALK_H
#define PTWALK_H

typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;

/* Once in a plugin: says for which version of the contract it was built, and takes the manifest, a TOML file beside the
 * source, into its custom section. */
#define PTWALK_PLUGIN(manifest)                                                                                        \
	void PTWALK_EXPORT(ptwalk_abi_1)(void)                                                                         \
	{                                                                                                              \
	}                                                                                                              \
	__asm__(".section .custom_section.ptwalk.manifest,\"\",@\n\t.incbin \"" manifest "\"\n\t.text\n")

/* Defines an export of the function's own name: int PTWALK_EXPORT(pte_none)(u64 pte) { return pte == 0; } */
#define PTWALK_EXPORT(name) __attribute__((export_name(#name))) name

/* Declares a kernel option to be read by name(). It is frozen while the plugin is loaded, hence const. */
#define PTWALK_KCONFIG(name) __attribute__((import_module("kconfig"), import_name(#name), const)) int name(void)

/* Bits high:low, both included, as the manuals write a field. */
#define BITS(high, low) ((~0ULL >> (63 - (high))) & (~0ULL << (low)))
#define BIT(n) (1ULL << (n))

/* What pXd_mmu_perms returns. */
enum mmu_perms {
	USER_READ = 1 << 0,
	USER_WRITE = 1 << 1,
	USER_EXEC = 1 << 2,
	KERNEL_READ = 1 << 3,
	KERNEL_WRITE = 1 << 4,
	KERNEL_EXEC = 1 << 5,
	ALL_PERMS = 0x3f,
};

#endif
