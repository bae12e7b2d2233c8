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
    """From SIGUSR2 to an answer of the successor that holds every entry; and of stickd the most memory
    of all processes meanwhile, beside that of one process."""
    figures = {}
    for entries in (size for size in (0, *SIZES, 50_000_000) if size <= stage.entries_max):
        if not entries and stage.program != "stickd":
            continue  # it is compared with stickd's own figures
        proxy = stage.start(reloadable=True, table_size=max(2_000_000, entries))
        if entries:
            teach(proxy, entries)
        name = "%s entries" % count(entries) if entries else "empty table"
        figures[name + ", s"] = reload_once(proxy, entries)
        if proxy.name == "stickd":
            alone = memory([proxy.pid])
            most = [alone]
            reload_once(proxy, entries, lambda pids: most.append(memory(pids)))
            figures[name + ", memory of one process"] = max(most) / alone
        proxy.stop()
    return figures


def reload_once(proxy, entries, look=None):
    """Reloads. `look` gets the processes again and again meanwhile."""
    # HAProxy's master starts the next process, stickd does so itself.
    before, master = proxy.pid, proxy.process.pid
    os.kill(before if proxy.name == "stickd" else master, signal.SIGUSR2)
    if look is None:
        return until_the_next_has_all(proxy, entries)

    def has_all():
        look([before, *children(before), *children(master)])
        return proxy.info("Pid") not in ("", str(before)) and proxy.used() >= entries

    took = until("the next process has all", has_all, 120, 0.001)
    proxy.pid = int(proxy.info("Pid"))
    return took


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def memory(pids):
    """The bytes that belong to these processes: what is theirs alone, and files without names."""
    own, files = 0, {}
    for pid in set(pids):
        try:
            with open("/proc/%d/smaps_rollup" % pid) as file:
                kilobytes = [line.split()[1] for line in file if line.startswith("Pss_Anon:")]
            own += sum(map(int, kilobytes)) * 1024
            for fd in glob.glob("/proc/%d/fd/*" % pid):
                if os.readlink(fd).startswith("/memfd:"):
                    status = os.stat(fd)
                    files[status.st_ino] = status.st_blocks * 512
        except OSError:
            pass  # the process, or the descriptor, has gone
    return own + sum(files.values())


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

    took = until("the next process has all", has_all, 120, 0.001)
    proxy.pid = int(proxy.info("Pid"))
    return took


MEASUREMENTS = [
    Measurement("reload", "reload, from the signal until the successor has all", reload),
    Measurement("crash", "crash of a worker, until the next one has all", crash, ("stickd",)),
    Measurement("save", "stop and start with the table in a file", save, ("stickd",)),
]
