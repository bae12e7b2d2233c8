"""The machine that is measured on: its cores, what is installed, and what processes cost."""

import glob
import os
import resource
import shutil
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORES = os.cpu_count() or 2
PROXY_CORE, LOAD_CORES = "0", "1-%d" % max(1, CORES - 1)
# HAProxy needs two and a half descriptors for each connection, or does not start.
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
MAXCONN = min(24_000, (DESCRIPTORS - 200) * 2 // 5)
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"

# System programs are not everybody's to find.
os.environ["PATH"] += ":/usr/sbin"


class Failed(Exception):
    """A measurement that must not count."""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def install(packages):
    """Installs what is missing, {file or program: package}, when that is allowed; ends when it is not."""
    missing = [package for file, package in packages.items() if not is_here(file)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        command = ["apt-get", "install", "-qy", "--no-install-recommends", *missing]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            subprocess.run(["apt-get", "update", "-q"], stdout=sys.stderr, check=False)
            subprocess.run(command, stdout=sys.stderr, check=False)
    missing = [package for file, package in packages.items() if not is_here(file)]
    if missing:
        sys.exit("not installed: " + " ".join(missing))


def need_rust():
    """Ends with a plain sentence when cargo is missing or too old."""
    check = ["bash", "-c", ". scripts/shared.sh; need_rust", sys.argv[0]]
    if subprocess.run(check, cwd=ROOT, check=False).returncode:
        sys.exit(1)


def is_here(file):
    return os.path.exists(file) if file.startswith("/") else shutil.which(file) is not None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(what, condition, limit=60.0, step=0.002):
    """Waits for a condition; how long it took, in seconds."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > limit:
            raise Failed("not within %g s: %s" % (limit, what))
        time.sleep(step)
    return time.monotonic() - start


class Cpu:
    """CPU time of processes with all their threads since the start, in microseconds."""

    def __init__(self, *pids):
        self.pids = pids
        self.start = time.monotonic()
        self.before = self.read()

    def read(self):
        """All of it, exactly; user and system apart, in ticks."""
        run_us = user_us = system_us = 0.0
        for pid in self.pids:
            for thread in glob.glob("/proc/%d/task/*/schedstat" % pid):
                with open(thread) as file:
                    run_us += int(file.read().split()[0]) / 1000
            with open("/proc/%d/stat" % pid) as file:
                fields = file.read().rpartition(") ")[2].split()
            user_us += int(fields[11]) * TICK_US
            system_us += int(fields[12]) * TICK_US
        return run_us, user_us, system_us

    def spent_us(self):
        """All of it."""
        return self.read()[0] - self.before[0]

    def split(self):
        """All of it, what of it was the program's own, and what the kernel's."""
        run_us, user_us, system_us = (a - b for a, b in zip(self.read(), self.before))
        ticks_us = max(TICK_US, user_us + system_us)
        return run_us, run_us * user_us / ticks_us, run_us * system_us / ticks_us

    def share(self):
        """How much of one core was used."""
        return self.spent_us() / 1e6 / (time.monotonic() - self.start)


def resident(pid):
    """Bytes of memory that a process has."""
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * PAGE


def available():
    """Bytes of memory that the machine could still give."""
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
