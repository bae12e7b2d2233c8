"""Measurement of two cores: two processes of stickd beside two threads of HAProxy."""

from .load import CLOSE, wrk
from .machine import CORES, Cpu, free_port
from .measurement import Measurement

PROXY_CORES = ("0", "1")
# On a machine of two cores the load and the server must share them with the proxies.
LOAD_CORES = "2-%d" % (CORES - 1) if CORES > 3 else "0-%d" % (CORES - 1)


def new(stage):
    return requests(stage, *CLOSE)


def kept(stage):
    return requests(stage)


def requests(stage, *more):
    if stage.program == "stickd":
        proxies = two_processes(stage)
    else:
        proxies = [stage.start(LOAD_CORES, threads=2, cores=",".join(PROXY_CORES))]
    url = proxies[0].url()
    wrk(1, 64, url, *more, cores=LOAD_CORES)
    cpu = Cpu(*(proxy.pid for proxy in proxies))
    count, length, _, p99_us = wrk(stage.seconds, 64, url, *more, cores=LOAD_CORES)
    return {"CPU each, µs": cpu.spent_us() / count, "per second": count / length, "p99, µs": p99_us}


def two_processes(stage):
    """Instances on the same address that are each other's peers, as stickd@.service starts them."""
    peers = {core: free_port() for core in PROXY_CORES}
    first = stage.start(LOAD_CORES, peers=peers, local=PROXY_CORES[0], cores=PROXY_CORES[0])
    second = stage.start(peers=peers, local=PROXY_CORES[1], cores=PROXY_CORES[1], port=first.port,
                         server_port=first.setup.server_port)
    return [first, second]


MEASUREMENTS = [
    Measurement("new2", "new connections on two cores", new),
    Measurement("kept2", "small requests on 64 kept connections on two cores", kept),
]
