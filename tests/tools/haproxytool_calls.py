"""What haproxytool answers to one call after the other, in one process because each start is slow."""

import contextlib
import io
import sys

from haproxytool.cli import main

SERVER = ["--backend=web", "s1"]
CALLS = [
    *(["frontend", option] for option in ("-l", "-M", "-s", "-r", "-o", "-c", "-i", "-p")),
    ["frontend", "-m", "stot"],
    ["frontend", "-w", "maxconn", "77", "in"],
    ["frontend", "-c", "in"],
    ["frontend", "-f", "-d", "in"],
    ["frontend", "-s", "in"],
    ["frontend", "-e", "in"],
    ["frontend", "-s", "in"],
    *(["backend", option] for option in ("-S", "-r", "-p", "-s", "-i", "-l", "-M")),
    *(["server", option] for option in ("-A", "-r", "-s", "-p", "-W", "-i", "-c", "-C", "-S", "-X")),
    ["server", "-l"],
    ["server", "-M"],
    ["server", "-m", "stot"],
    ["server", "-w", "5", *SERVER],
    ["server", "-w", "50%", *SERVER],
    ["server", "-W", *SERVER],
    ["server", "-a", "127.0.0.2", *SERVER],
    ["server", "-A", *SERVER],
    ["server", "-x", "18089", *SERVER],
    ["server", "-X", *SERVER],
    *(
        call
        for change in (["-n"], ["-f", "-t"], ["-R"], ["-f", "-d"], ["-e"])
        for call in (["server", *change, *SERVER], ["server", "-s", *SERVER])
    ),
    ["haproxy", "-M"],
    ["haproxy", "-m", "Nbproc"],
    ["haproxy", "-w", "maxconn", "500"],
    ["haproxy", "-C"],
    ["haproxy", "-w", "ratelimitconn", "100"],
    ["haproxy", "-w", "ratelimitsess", "100"],
    ["haproxy", "-c", "show table"],
    ["map", "-l"],
    ["map", "-s", "1"],
    ["map", "-A", "1", "key", "value"],
    ["map", "-g", "1", "key"],
    ["map", "-S", "1", "key", "other"],
    ["map", "-g", "1", "key"],
    ["map", "-d", "1", "key"],
    ["map", "-c", "1"],
    ["acl", "-s", "2"],
    ["acl", "-A", "2", "192.0.2.1"],
    ["acl", "-g", "2", "192.0.2.1"],
    ["acl", "-d", "2", "192.0.2.1"],
    ["acl", "-g", "2", "192.0.2.1"],
    ["haproxy", "-A"],
    ["haproxy", "-a"],
    ["server", "-r", *SERVER],
    ["dump", "-f", "-b"],
]


def answer(call):
    said, end = io.StringIO(), ""
    sys.argv = ["haproxytool", call[0], "-F", SOCKET, *call[1:]]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as leaving:
            end = f"ends with {leaving.code}\n" if leaving.code else ""
    return said.getvalue() + end


SOCKET = sys.argv[1]
for call in CALLS:
    print("#", *call)
    print(answer(call), end="")
