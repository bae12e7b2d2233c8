# What scripts inside a machine of machine.sh use. Not run by itself.

fail() {
    echo "FAILED: $*" >&2
    cat /run/stickd-under-test.log >&2 || true
    exit 1
}

# until_it COMMAND...: waits until the command succeeds, 20 s at most.
until_it() {
    local deadline=$((SECONDS + 20))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || fail "never came true: $*"
        sleep 0.05
    done
}

# ask COMMAND: what the Runtime API answers.
ask() { echo "$1" | socat -t 5 - /run/stickd/admin.sock; }
generation() { ask 'show info' | sed -n 's/^Reload_generation: //p'; }
serves() { [ -S /run/stickd/admin.sock ] && ask 'show info' | grep '^Pid: ' >/dev/null; }
# page PATH: what the page of the package answers.
page() { printf 'GET %s HTTP/1.0\r\n\r\n' "$1" | socat -t 5 - TCP:127.0.0.1:8404; }
