"""Measurements of the peers protocol: what entries cost, and how fast they are elsewhere."""

from .load import LOAD, beside, load
from .machine import LOAD_CORES, Cpu, Failed, available, free_port, resident, until
from .measurement import Measurement

ENTRIES = 1_000_000
SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 50_000_000)
# What an entry takes in the program that takes the most, with room beside.
ENTRY_BYTES_MAX = 260
PEERS, UPDATES_PER_SECOND = 64, 10_000


def teach(proxy, entries, order="scattered"):
    """The load teaches the proxy so many entries."""
    said = load("teach", proxy.peer_address(), "x", "a", "web", entries, order)
    until("all entries are there", lambda: proxy.used() >= entries, 10)
    return said


def learn(stage):
    return learn_entries(stage, ENTRIES, "scattered")


def learn_sorted(stage):
    return learn_entries(stage, ENTRIES, "sorted")


def resident_without_table(stage):
    """What the program takes without the memory of a table, which may be provided at its start."""
    proxy = stage.start(table_size=1000)
    taken = resident(proxy.pid)
    proxy.stop()
    return taken


def learn_entries(stage, entries, order):
    proxy = stage.start(table_size=max(2_000_000, entries))
    cpu = Cpu(proxy.pid)
    said = teach(proxy, entries, order)
    return {"CPU each, ns": cpu.spent_us() * 1000 / entries, "per second": said["per_second"]}


def scale(stage):
    """What an entry costs in tables that are as large as what they hold."""
    figures = {}
    before = resident_without_table(stage)
    for entries in SIZES:
        if entries > stage.entries_max or entries * ENTRY_BYTES_MAX > available():
            break
        proxy = stage.start(table_size=entries)
        cpu = Cpu(proxy.pid)
        teach(proxy, entries)
        figures["CPU each at %s, ns" % count(entries)] = cpu.spent_us() * 1000 / entries
        figures["bytes each at %s" % count(entries)] = (resident(proxy.pid) - before) / entries
        proxy.stop()
    return figures


def count(entries):
    """How a number of entries is written."""
    zeros = len(str(entries)) - 1
    return "10^%d" % zeros if str(entries)[0] == "1" else "%s·10^%d" % (str(entries)[0], zeros)


def dump(stage):
    proxy = stage.start()
    teach(proxy, ENTRIES)
    cpu = Cpu(proxy.pid)
    said = load("learn", proxy.peer_address(), "x", "a", ENTRIES)
    return {"CPU each, ns": cpu.spent_us() * 1000 / said["entries"], "per second": said["per_second"]}


def traffic(stage):
    """What clients suffer while 10^6 entries are learned, or taught, without a pause."""
    proxy = stage.start()
    figures = {}

    def ask(when):
        said = load("request", proxy.address(), stage.seconds)
        for quantile in ("p50", "p99", "p99.9", "max"):
            figures["%s, %s, µs" % (when, quantile)] = said["%s_us" % quantile]

    load("request", proxy.address(), 1)
    ask("no peer")
    longer = stage.seconds + 30
    with beside(LOAD, "flood", proxy.peer_address(), "x", "a", "web", ENTRIES, longer):
        ask("learning")
    until("the entries are there", lambda: proxy.used() >= ENTRIES / 10, 10)
    teach(proxy, ENTRIES)
    with beside(LOAD, "drain", proxy.peer_address(), "x", "a", ENTRIES, longer):
        ask("teaching")
    return figures


def spread(stage):
    """Both nodes are the same program; the second is beside the load, which asks it all the time."""
    peers = {"a": free_port(), "b": free_port()}
    first = stage.start(peers=peers)
    second = stage.start(peers=peers, local="b", cores=LOAD_CORES)
    settle(first, second)
    said = load("spread", first.address(), second.path("admin"), "web", 100 * stage.seconds)
    return {"p50, µs": said["p50_us"], "p99, µs": said["p99_us"], "max, µs": said["max_us"]}


def settle(first, second):
    """Waits until an entry passes from the first to the second."""
    def passes():
        first.api("set table web key 127.0.0.9 data.server_id 1")
        return second.used() > 0
    until("the nodes are connected", passes, 30, 0.1)


def fan(stage):
    proxy = with_many_peers(stage)
    cpu = Cpu(proxy.pid)
    said = load("fan", proxy.peer_address(), "a", "web", PEERS, UPDATES_PER_SECOND, stage.seconds,
                proxy.path("admin"))
    return mesh_figures(said, cpu)


def crowd(stage):
    proxy = with_many_peers(stage)
    cpu = Cpu(proxy.pid)
    said = load("crowd", proxy.peer_address(), "a", "web", PEERS, UPDATES_PER_SECOND, stage.seconds)
    if proxy.used() != said["changes"]:
        raise Failed("%d entries of %d" % (proxy.used(), said["changes"]))
    return mesh_figures(said, cpu)


def with_many_peers(stage):
    names = ["a", *("x%d" % (number + 1) for number in range(PEERS))]
    return stage.start(peers={name: free_port() for name in names})


def mesh_figures(said, cpu):
    return {"CPU each, µs": cpu.spent_us() / said["changes"], "changes per second": said["per_second"],
            "lag p50, µs": said["p50_us"], "lag p99, µs": said["p99_us"], "lag max, µs": said["max_us"]}


MEASUREMENTS = [
    Measurement("learn", "10^6 new entries learned from a peer", learn),
    Measurement("sorted", "10^6 new entries learned from a peer, keys in order", learn_sorted),
    Measurement("dump", "10^6 entries taught to a peer", dump),
    Measurement("scale", "entries learned into a table of their number", scale, rounds_max=3),
    Measurement("traffic", "small requests on one connection", traffic),
    Measurement("spread", "from a new client to its entry on another node", spread),
    Measurement("fan", "10^4 changes a second pushed to each of 64 peers", fan),
    Measurement("crowd", "10^4 changes a second from 64 peers together", crowd),
]
