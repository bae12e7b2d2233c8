"""Instructions of the hot paths, counted by callgrind: a figure that the machine's mood cannot change."""

import os
import signal

from .load import load
from .measurement import Measurement
from .replication import teach


def connections(stage):
    return each(stage, 2_000, lambda proxy, count: load("connections", proxy.address(), count))


def requests(stage):
    return each(stage, 5_000, lambda proxy, count: load("requests", proxy.address(), count))


def entries(stage):
    return each(stage, 100_000, teach)


def each(stage, count, operate):
    """A run with the operation so many times, and one with twice as many: start-up falls out."""
    once, twice = counted(stage, count, operate), counted(stage, 2 * count, operate)
    return {"instructions each": (twice - once) / count}


def counted(stage, count, operate):
    report = "%s/callgrind.%d" % (stage.folder, count)
    wrapper = ("valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=" + report)
    proxy = stage.start(wrapper=wrapper)
    operate(proxy, count)
    os.kill(proxy.pid, signal.SIGTERM)
    proxy.process.wait()
    with open(report) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("totals:"))


MEASUREMENTS = [
    Measurement("instr-new", "connections one after the other", connections, rounds_max=1),
    Measurement("instr-kept", "small requests on one kept connection", requests, rounds_max=1),
    Measurement("instr-learn", "new entries learned from a peer", entries, rounds_max=1),
]
