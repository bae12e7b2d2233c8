"""Measurements of client traffic."""

import signal
import subprocess

from .load import CLOSE, LOAD, beside, load, pinned, wrk, wrk_command, wrk_figures
from .machine import MAXCONN, Cpu, Failed, free_port, resident, until
from .measurement import BALANCERS, PROXIES, Measurement


def new(stage):
    return requests(stage, 64, *CLOSE)


def kept(stage):
    return requests(stage, 64)


def requests(stage, connections, *more):
    proxy = stage.start()
    wrk(1, connections, proxy.url(), *more)
    cpu = Cpu(proxy.pid)
    count, length, _, p99_us = wrk(stage.seconds, connections, proxy.url(), *more)
    all_us, user_us, system_us = cpu.split()
    return {"CPU each, µs": all_us / count, "of it user, µs": user_us / count,
            "of it system, µs": system_us / count, "per second": count / length,
            "p99, µs": p99_us}


def one(stage):
    proxy = stage.start()
    load("request", proxy.address(), 1)
    cpu = Cpu(proxy.pid)
    said = load("request", proxy.address(), stage.seconds)
    return {"CPU each, µs": cpu.spent_us() / said["requests"], **latencies(said)}


def busy(stage):
    """What it costs is known: all of the core."""
    proxy = stage.start(in_global="busy-polling")
    load("request", proxy.address(), 1)
    return latencies(load("request", proxy.address(), stage.seconds))


def latencies(said):
    return {"%s, µs" % name: said["%s_us" % name] for name in ("p50", "p99", "p99.9", "max")}


def bulk(stage):
    return download(stage, stage.start())


def splice(stage):
    return download(stage, stage.start(option="option splice-auto"))


def download(stage, proxy):
    wrk(1, 8, proxy.url("/16m"))
    cpu = Cpu(proxy.pid)
    _, length, rate, _ = wrk(stage.seconds, 8, proxy.url("/16m"))
    return {"CPU per GB, s": cpu.spent_us() / 1e6 / (rate * length / 1e9), "GB per second": rate / 1e9}


def upload(stage):
    sink = free_port()
    proxy = stage.start(server_port=sink)
    cpu = Cpu(proxy.pid)
    said = load("upload", proxy.address(), "127.0.0.1:%d" % sink, 8, stage.seconds)
    return {"CPU per GB, s": cpu.spent_us() / 1e6 / (said["bytes"] / 1e9),
            "GB per second": said["bytes_per_second"] / 1e9}


def mixed(stage):
    """What small requests suffer while large answers pass the same proxy."""
    proxy = stage.start()
    with beside(*wrk_command(stage.seconds + 1, 8, proxy.url("/16m")), nice=0) as large:
        load("request", proxy.address(), 1)
        said = load("request", proxy.address(), stage.seconds)
        rate = wrk_figures(large.communicate()[0].decode())[2]
    return {**latencies(said), "GB per second": rate / 1e9}


def idle(stage):
    proxy = stage.start()
    count = MAXCONN - 500
    # The first connections bring what is reserved once.
    load("idle", proxy.address(), 200, 0)
    before = resident(proxy.pid)
    clients = subprocess.Popen(pinned(LOAD, "idle", proxy.address(), count, 60), stdout=subprocess.PIPE)
    try:
        if not clients.stdout.readline().startswith(b"connections"):
            raise Failed("not all connections were taken")
        until("%d connections are served" % count, lambda: proxy.connections() >= count, 20, 0.05)
        return {"bytes each": (resident(proxy.pid) - before) / count}
    finally:
        clients.kill()
        clients.communicate()


def syscalls(stage):
    proxy = stage.start()
    report = stage.folder + "/strace"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", report, "-p", str(proxy.pid)],
                              stderr=subprocess.PIPE)
    try:
        # It says when it is attached.
        tracer.stderr.read(1)
        count = wrk(stage.seconds, 64, proxy.url(), *CLOSE)[0]
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
    with open(report) as file:
        total = next(line for line in file if line.rstrip().endswith(" total"))
    return {"each": calls_in(total) / count}


def calls_in(total):
    """The calls in the last line of strace -c: `100.00 seconds usecs/call calls [errors] total`."""
    numbers = [int(word) for word in total.split() if word.isdigit()]
    return numbers[1] if len(numbers) > 1 else numbers[0]


MEASUREMENTS = [
    Measurement("new", "new connections, 64 at a time", new, PROXIES),
    Measurement("kept", "small requests on 64 kept connections", kept, PROXIES),
    Measurement("one", "small requests on one kept connection", one, PROXIES),
    Measurement("busy", "small requests on one kept connection, busy-polling", busy, BALANCERS),
    Measurement("bulk", "answers of 16 MiB, 8 connections", bulk, PROXIES),
    Measurement("splice", "answers of 16 MiB, 8 connections, option splice-auto", splice, BALANCERS),
    Measurement("upload", "bodies of 16 MiB to the server, 8 connections", upload, PROXIES),
    Measurement("mixed", "small requests on one connection beside answers of 16 MiB on 8", mixed, PROXIES),
    Measurement("idle", "memory of idle connections", idle, PROXIES),
    Measurement("syscalls", "system calls of new connections", syscalls, PROXIES),
]
