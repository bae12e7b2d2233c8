"""What loads the programs: wrk, and bench/load for what wrk cannot do."""

import contextlib
import os
import re
import subprocess

from .machine import LOAD_CORES, Failed
from .programs import TARGET

LOAD = os.path.join(TARGET, "release", "examples", "load")
# Every connection for one request only.
CLOSE = ("-H", "Connection: close")


def run(*command, cores=LOAD_CORES):
    """The output of a command on the cores of the load."""
    done = subprocess.run(pinned(*command, cores=cores), capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed("%s: %s" % (" ".join(command[:2]), done.stderr.strip()))
    return done.stdout


def pinned(*command, cores=LOAD_CORES):
    return ["taskset", "-c", cores, *(str(word) for word in command)]


def load(*arguments):
    """The figures that bench/load prints, {name: value}."""
    return figures(run(LOAD, *arguments))


def figures(text):
    return {name: float(value) for name, value in (line.split() for line in text.splitlines())}


@contextlib.contextmanager
def beside(*command, nice=15):
    """A command that runs while the body does, with less of the cores than what the body runs.

    It may be ended with the body; if it ends by itself it must have succeeded.
    """
    process = subprocess.Popen(["nice", "-n", str(nice), *pinned(*command)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
        if process.poll():
            raise Failed("%s: %s" % (" ".join(command[:2]), process.stderr.read().decode().strip()))
    finally:
        process.kill()
        process.communicate()


def wrk(seconds, connections, url, *more, cores=LOAD_CORES):
    """Requests, seconds, bytes per second and p99 in µs of one run of wrk."""
    return wrk_figures(run(*wrk_command(seconds, connections, url), *more, cores=cores))


def wrk_command(seconds, connections, url):
    return "wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "--latency", url


def wrk_figures(said):
    if "Socket errors" in said or "Non-2xx" in said:
        raise Failed(said)
    count, length = re.search(r"(\d+) requests in ([\d.]+)s", said).groups()
    rate = re.search(r"Transfer/sec:\s+([\d.]+)(\w+)", said)
    unit = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[rate.group(2)]
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    p99_us = float(p99.group(1)) * {"us": 1, "ms": 1e3, "s": 1e6}[p99.group(2)]
    return int(count), float(length), float(rate.group(1)) * unit, p99_us
