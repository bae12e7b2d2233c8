"""What a full-screen program shows on a terminal of 50 lines once a text has appeared."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte

LINES, COLUMNS, LIMIT_S = 50, 160, 30

awaited, command = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "linux"
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
os.kill(pid, signal.SIGWINCH)
screen = pyte.Screen(COLUMNS, LINES)
stream = pyte.ByteStream(screen)
until = time.monotonic() + LIMIT_S
try:
    while not any(awaited in line for line in screen.display) and time.monotonic() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            stream.feed(os.read(terminal, 65536))
except OSError:
    pass  # it has ended; what it said is on the screen
finally:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
print("\n".join(line.rstrip() for line in screen.display))
