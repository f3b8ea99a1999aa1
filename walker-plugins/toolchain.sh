# shellcheck shell=bash
# Finding, and where need be fetching, what compiles a plugin. Sourced by `walker-plugins/build` and by
# `tests/plugins/c/build`; not a program.
#
# In: the pins below, apt's sources, rustup's toolchains. Out: `use_rust`, which sets `rustc`, `sysroot`, `wasm_ld` and
# `road`, and `use_clang`, which sets `clang`. Guaranteed: nothing is installed and no system file is written; a cache
# folder is complete or absent, whoever interrupts whom, and is used only by the recipe that made it. Not handled:
# Debian's packages on a system without apt; Rust releases other than the pinned one.
#
# Callers must have set `-euo pipefail`. Fetching happens in a condition, where bash ignores `-e`: hence `|| return`.
# shellcheck disable=SC2034  # variables are for the callers

# The compiler that the committed bytes come from. Another release may choose other instructions, so raise this and
# commit the rebuilt plugins in one commit. LLVM is the major version that rustc links against (`rustc -Vv`), and names
# Debian's lld and clang.
readonly RUST=1.96.0 LLVM=22

readonly TARGET=wasm32-unknown-unknown

cache_root=${PTWALK_WASM_TOOLCHAIN:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ptwalk/wasm-toolchain-$RUST}

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$(basename "$0"): $*"
    exit 1
}

# What a cache folder must have been made for, and by: any change of this file makes it anew.
stamp_of() {
    printf 'rust %s, llvm %s, %s, recipe %s\n' "$RUST" "$LLVM" "$(uname -m)" "$(sha256sum <"${BASH_SOURCE[0]}")"
}

# cached DIR CHECK MAKE: makes DIR by `MAKE TEMP` unless `CHECK DIR` accepts it. The lock makes concurrent runs wait for
# one maker; the rename at the end means that a folder of this name is complete.
cached() {
    local dir=$1 check=$2 make=$3 lock
    "$check" "$dir" && return
    mkdir -p "$(dirname "$dir")"
    exec {lock}>"$dir.lock"
    flock "$lock"
    if ! "$check" "$dir"; then
        if [[ -e $dir && ! -e $dir/stamp ]]; then
            die "$dir exists and is no cache of this script; move it away, or set PTWALK_WASM_TOOLCHAIN"
        fi
        rm -rf "$dir.new"
        mkdir "$dir.new"
        "$make" "$dir.new"
        stamp_of >"$dir.new/stamp"
        rm -rf "$dir"
        mv "$dir.new" "$dir"
    fi
    exec {lock}>&-
}

is_current() { [[ -f $1/stamp && $(<"$1/stamp") == "$(stamp_of)" ]]; }

# --- Debian's packages, unpacked ---

# Whether dpkg has the package installed, in a version that begins with the second argument.
is_installed() {
    # shellcheck disable=SC2016  # dpkg-query's own fields
    [[ $(dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null) == "installed ${2-}"* ]]
}

# Version on offer of a package that begins with the second argument, or nothing.
offered() {
    apt-cache "${apt[@]}" madison "$1" 2>/dev/null | awk -v want="$2" 'index($3, want) == 1 && !n++ { print $3 }'
}

# The packages and all they depend on, less what is installed.
missing_libraries() {
    local package
    apt-cache "${apt[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$@" | grep '^[a-z0-9]' | sort -u | while read -r package; do
        is_installed "$package" || printf '%s\n' "$package"
    done
}

# Where apt's lists do not have what is wanted, or are too old to find it on the mirror, a private copy of them is made.
# It works for any user and leaves the system's lists alone.
refresh_lists() {
    say "reading apt's package lists"
    mkdir -p "$1/apt/lists/partial"
    # Container images hook a sweep of the system's cache to updates.
    printf '#clear %s;\n' APT::Update::Post-Invoke APT::Update::Post-Invoke-Success >"$1/apt/conf"
    apt+=(-c "$1/apt/conf" -o "Dir::State::lists=$1/apt/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    apt-get "${apt[@]}" -qq update >&2
}

# unpack TEMP PACKAGE[=VERSION]…: into TEMP/root, of rust-web-src the library alone (the rest is 250 MiB).
unpack() {
    local temp=$1 deb
    shift
    [[ $# -gt 0 ]] || return 0
    say "downloading $*"
    mkdir -p "$temp/deb" "$temp/root"
    (cd "$temp/deb" && apt-get "${apt[@]}" -qq download "$@" >&2) || return 1
    for deb in "$temp"/deb/*.deb; do
        case $deb in
            */rust-web-src_*) dpkg --fsys-tarfile "$deb" | tar -x -C "$temp/root" --wildcards './usr/src/*/library' ;;
            *) dpkg -x "$deb" "$temp/root" ;;
        esac || return 1
    done
    rm -rf "$temp/deb"
}

# with_lists TEMP FUNCTION: runs `FUNCTION TEMP` on apt's lists as they are and, should it fail, on fresh ones.
with_lists() {
    local temp=$1 fetch=$2
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || return 1
    apt=(-o APT::Sandbox::User=root)
    "$fetch" "$temp" && return
    refresh_lists "$temp" && "$fetch" "$temp" || return 1
    rm -rf "$temp/apt"
}

# A file of an unpacked package, or the installed one.
file_in() { if [[ -e $1/root$2 ]]; then printf '%s\n' "$1/root$2"; else printf '%s\n' "$2"; fi; }

# Runs a program with the folder's libraries before the system's.
run_in() {
    local libraries
    libraries=$(compgen -G "$1/root/usr/lib/*-linux-gnu" || true; compgen -G "$1/root/lib/*-linux-gnu" || true)
    shift
    # An empty element would mean the working directory.
    LD_LIBRARY_PATH=${libraries//$'\n'/:}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$@"
}

# --- rustc: Debian's rustc-web ---

fetch_rust() {
    local package version wanted=() libraries
    version=$(offered rustc-web "$RUST+")
    for package in rustc-web rust-web-src; do
        is_installed "$package" "$RUST+" && continue
        [[ -n $version ]] || return 1
        wanted+=("$package=$version")
    done
    is_installed "lld-$LLVM" || wanted+=("lld-$LLVM")
    libraries=$(missing_libraries "libstd-rust-web-${RUST%.*}" "libllvm$LLVM") || return 1
    # shellcheck disable=SC2086  # one word a package
    unpack "$1" "${wanted[@]}" $libraries
}

# make_debian TEMP: the compiler, and `core` and `compiler_builtins` compiled as Rust's own releases compile them: with
# full optimisation, and with the path that they put in place of the source's.
make_debian() {
    local temp=$1 source library commit
    with_lists "$temp" fetch_rust || die "$(no_toolchain)"
    rustc_of "$temp"
    [[ $("${rustc[@]}" -V) == "rustc $RUST "* ]] || die "$("${rustc[@]}" -V) where $RUST was wanted"
    library=$temp/sysroot/lib/rustlib/$TARGET/lib
    source=$(file_in "$temp" "/usr/src/rustc-$RUST")/library
    commit=$("${rustc[@]}" -Vv | sed -n 's/^commit-hash: //p')
    mkdir -p "$library"
    local common=(--edition 2024 --crate-type rlib --target "$TARGET" --sysroot "$temp/sysroot" --out-dir "$library"
        -C opt-level=3 -C panic=abort --cap-lints allow --remap-path-prefix "$source=/rustc/$commit/library")
    say "compiling core and compiler_builtins for $TARGET (once, about 25 s)"
    RUSTC_BOOTSTRAP=1 "${rustc[@]}" "${common[@]}" --crate-name core "$source/core/src/lib.rs"
    RUSTC_BOOTSTRAP=1 "${rustc[@]}" "${common[@]}" --crate-name compiler_builtins --cfg 'feature="compiler-builtins"' \
        --cfg 'feature="mem"' "$source/compiler-builtins/compiler-builtins/src/lib.rs"
    "${rustc[@]}" -Vv >"$temp/rustc-version"
    rm -rf "$temp/root/usr/src" "$temp/root/usr/share"
}

# The folder's compiler may be the system's, which may have changed since `core` was compiled.
is_current_debian() {
    is_current "$1" || return 1
    rustc_of "$1"
    [[ $("${rustc[@]}" -Vv 2>/dev/null) == "$(<"$1/rustc-version")" ]]
}

rustc_of() { rustc=(run_in "$1" "$(file_in "$1" /usr/bin/rustc)"); }

use_debian() {
    local dir=$cache_root/debian
    cached "$dir" is_current_debian make_debian
    rustc_of "$dir"
    wasm_ld=(run_in "$dir" "$(file_in "$dir" "/usr/lib/llvm-$LLVM/bin/wasm-ld")")
    sysroot=$dir/sysroot
    road=debian
}

# --- rustc: rustup's ---

# The first toolchain of the pinned release, under whatever name, that has the target.
use_rustup() {
    local name path linkers
    command -v rustup >/dev/null || return 1
    while read -r name _; do
        path=$(rustup which --toolchain "$name" rustc 2>/dev/null) || continue
        [[ $("$path" -V 2>/dev/null) == "rustc $RUST "* ]] || continue
        sysroot=$("$path" --print sysroot)
        compgen -G "$sysroot/lib/rustlib/$TARGET/lib/libcore-*.rlib" >/dev/null || continue
        mapfile -t linkers < <(compgen -G "$sysroot/lib/rustlib/*/bin/rust-lld")
        [[ ${#linkers[@]} -gt 0 ]] || continue
        rustc=("$path")
        wasm_ld=("${linkers[0]}" -flavor wasm)
        road=rustup
        return
    done < <(rustup toolchain list)
    return 1
}

no_toolchain() {
    cat <<END
no rustc $RUST that can compile for $TARGET. Either
  rustup toolchain install $RUST --profile minimal --target $TARGET
or run this where apt offers rustc-web $RUST and lld-$LLVM: Debian 12 with bookworm-security, or, once Debian has moved
on, with snapshot.debian.org among apt's sources. Nothing of it needs to be installed.
END
}

# use_rust auto|rustup|debian
use_rust() {
    case $1 in
        rustup) use_rustup || die "$(no_toolchain)" ;;
        debian) use_debian ;;
        auto) use_rustup || use_debian ;;
        *) die "no toolchain called $1: auto, rustup or debian" ;;
    esac
}

# --- clang ---

fetch_clang() {
    local package wanted=() libraries
    for package in "clang-$LLVM" "lld-$LLVM"; do is_installed "$package" || wanted+=("$package"); done
    libraries=$(missing_libraries "libclang-cpp$LLVM" "libllvm$LLVM") || return 1
    # shellcheck disable=SC2086  # one word a package
    unpack "$1" "${wanted[@]}" $libraries
}

make_clang() {
    with_lists "$1" fetch_clang || die "no clang-$LLVM and lld-$LLVM: they are neither installed nor on offer by apt"
    rm -rf "$1/root/usr/share"
}

use_clang() {
    local dir=$cache_root/clang
    cached "$dir" is_current make_clang
    # Debian's clang looks for a linker of a name that is only on the PATH when it is installed.
    clang=(run_in "$dir" "$(file_in "$dir" "/usr/lib/llvm-$LLVM/bin/clang")"
        "-fuse-ld=$(file_in "$dir" "/usr/lib/llvm-$LLVM/bin/wasm-ld")")
}
