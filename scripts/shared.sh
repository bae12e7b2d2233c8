# What the scripts of this project share; they source it from the top folder. Not run by itself.

# usage: the comment at the head of $script, as its help.
usage() { sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$script"; }

# need_rust: ends the script with a plain sentence when cargo is missing, or so old that the
# manifest would only give it a riddle.
need_rust() {
    local needed found
    needed=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml)
    found=$(cargo --version 2>/dev/null | cut -d' ' -f2) || true
    if [ "$(printf '%s\n' "$needed" "${found:-0}" | sort -V | head -n1)" != "$needed" ]; then
        echo "$0 needs Rust $needed or newer and found ${found:-none}: https://rustup.rs" >&2
        exit 1
    fi
}

# only_words "WORD WORD..." "$@": prints the help when it is asked for, and ends the script when one
# of its arguments is none of the words.
only_words() {
    local known=" $1 " word
    shift
    for word; do
        case $word in
        -h | --help) usage; exit ;;
        esac
        if [[ $known != *" $word "* ]]; then
            echo "$0: '$word' is unknown; $0 --help lists what it takes" >&2
            exit 2
        fi
    done
}
