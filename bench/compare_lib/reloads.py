"""Measurements of reloads, of crashes, and of stops with tables in files."""

import glob
import os
import signal
import time

from .machine import until
from .measurement import Measurement
from .replication import count, teach

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


def reload(stage):
    """From SIGUSR2 to an answer of the successor that holds every entry."""
    figures = {}
    for entries in (size for size in SIZES if size <= stage.entries_max):
        proxy = stage.start(reloadable=True, table_size=max(2_000_000, entries))
        teach(proxy, entries)
        # HAProxy's master starts the next process, stickd does so itself.
        pid = proxy.pid if proxy.name == "stickd" else proxy.process.pid
        os.kill(pid, signal.SIGUSR2)

        figures["%s entries, s" % count(entries)] = until_the_next_has_all(proxy, entries)
        proxy.stop()
    return figures


def crash(stage):
    """From SIGKILL to an answer of the next worker that holds every entry. HAProxy ends."""
    figures = {}
    for entries in (size for size in SIZES if size <= stage.entries_max):
        size = max(2_000_000, entries)
        proxy = stage.start(in_global="master-worker", table_size=size)
        teach(proxy, entries)
        os.kill(proxy.pid, signal.SIGKILL)
        figures["%s entries, s" % count(entries)] = until_the_next_has_all(proxy, entries)
        proxy.stop()
    return figures


def save(stage):
    """A stop, which is all but its last save, and a start from the file. HAProxy has no file."""
    figures = {}
    for entries in (size for size in SIZES if size <= stage.entries_max):
        setup = {"in_global": "tables-dir %s every 1d" % stage.folder,
                 "table_size": max(2_000_000, entries)}
        proxy = stage.start(**setup)
        teach(proxy, entries)
        start = time.monotonic()
        os.kill(proxy.pid, signal.SIGTERM)
        proxy.process.wait()
        figures["%s entries, stop, s" % count(entries)] = time.monotonic() - start
        files = glob.glob(stage.folder + "/*.table")
        figures["%s entries, MB" % count(entries)] = sum(map(os.path.getsize, files)) / 1e6
        start = time.monotonic()
        proxy = stage.start(**setup)
        until("the table is read", lambda: proxy.used() >= entries, 120, 0.001)
        figures["%s entries, start, s" % count(entries)] = time.monotonic() - start
        proxy.stop()
        for file in files:
            os.remove(file)
    return figures


def until_the_next_has_all(proxy, entries):
    """Seconds until another process answers and has so many entries."""

    def has_all():
        return proxy.info("Pid") not in ("", str(proxy.pid)) and proxy.used() >= entries

    return until("the next process has all", has_all, 120, 0.001)


MEASUREMENTS = [
    Measurement("reload", "reload, from the signal until the successor has all", reload),
    Measurement("crash", "crash of a worker, until the next one has all", crash, ("stickd",)),
    Measurement("save", "stop and start with the table in a file", save, ("stickd",)),
]
