"""Measurements of clients that speak TLS with the proxy. Both programs have the same certificates,
TLS 1.3, and one cipher suite."""

import subprocess

from .clients import latencies
from .load import CLOSE, LOAD, beside, load, pinned, wrk, wrk_command
from .machine import Cpu, Failed, ROOT, free_port, resident, until
from .measurement import Measurement

ECDSA = ROOT + "/tests/data/tls/site.pem"
RSA = ROOT + "/tests/data/tls/shop.pem"
WORDS = "ssl crt %s ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256"
# No more: what is reserved for a handshake would be counted with them.
IDLE = 4000


def start(stage, certificate):
    """The program, serving, and the port at which it speaks TLS."""
    port = free_port()
    proxy = stage.start(option="bind 127.0.0.1:%d backlog 4096 %s" % (port, WORDS % certificate))
    return proxy, port


def ecdsa(stage):
    return handshakes(stage, ECDSA)


def rsa(stage):
    return handshakes(stage, RSA)


def handshakes(stage, certificate):
    proxy, port = start(stage, certificate)
    url = "https://127.0.0.1:%d/" % port
    wrk(1, 64, url, *CLOSE)
    cpu = Cpu(proxy.pid)
    count, length, _, p99_us = wrk(stage.seconds, 64, url, *CLOSE)
    all_us, user_us, _ = cpu.split()
    return {"CPU each, µs": all_us / count, "of it user, µs": user_us / count,
            "per second": count / length, "p99, µs": p99_us}


def resumed(stage):
    proxy, port = start(stage, ECDSA)
    address = "127.0.0.1:%d" % port
    load("resume", address, 100)
    cpu = Cpu(proxy.pid)
    count = 1000 * stage.seconds
    said = load("resume", address, count)
    if said["resumed"] < count:
        raise Failed("%d of %d sessions were continued" % (said["resumed"], count))
    return {"CPU each, µs": cpu.spent_us() / count}


def kept(stage):
    proxy, port = start(stage, ECDSA)
    url = "https://127.0.0.1:%d/" % port
    wrk(1, 64, url)
    cpu = Cpu(proxy.pid)
    count, length, _, p99_us = wrk(stage.seconds, 64, url)
    return {"CPU each, µs": cpu.spent_us() / count, "per second": count / length,
            "p99, µs": p99_us}


def bulk(stage):
    proxy, port = start(stage, ECDSA)
    url = "https://127.0.0.1:%d/16m" % port
    wrk(1, 8, url)
    cpu = Cpu(proxy.pid)
    _, length, rate, _ = wrk(stage.seconds, 8, url)
    return {"CPU per GB, s": cpu.spent_us() / 1e6 / (rate * length / 1e9), "GB per second": rate / 1e9}


def plain(stage):
    """What clients in the clear suffer while others shake hands."""
    proxy, port = start(stage, RSA)
    url = "https://127.0.0.1:%d/" % port
    with beside(*wrk_command(stage.seconds + 2, 64, url), *CLOSE, nice=0):
        load("request", proxy.address(), 1)
        return latencies(load("request", proxy.address(), stage.seconds))


def idle(stage):
    proxy, port = start(stage, ECDSA)
    address = "127.0.0.1:%d" % port
    # The first connections bring what is reserved once.
    load("idle-tls", address, 200, 0)
    before = resident(proxy.pid)
    command = pinned(LOAD, "idle-tls", address, IDLE, 60)
    clients = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        if not clients.stdout.readline().startswith(b"connections"):
            raise Failed("not all connections were taken")
        until("%d connections are served" % IDLE, lambda: proxy.connections() >= IDLE, 20, 0.05)
        return {"bytes each": (resident(proxy.pid) - before) / IDLE}
    finally:
        clients.kill()
        clients.communicate()


MEASUREMENTS = [
    Measurement("tls-ecdsa", "new connections with TLS, ECDSA P-256, 64 at a time", ecdsa),
    Measurement("tls-rsa", "new connections with TLS, RSA 2048, 64 at a time", rsa),
    Measurement("tls-resumed", "connections that continue a session, one at a time", resumed),
    Measurement("tls-kept", "small requests on 64 kept connections with TLS", kept),
    Measurement("tls-bulk", "answers of 16 MiB with TLS, 8 connections", bulk),
    Measurement("tls-plain", "small requests in the clear beside new connections with TLS", plain),
    Measurement("tls-idle", "memory of idle connections with TLS", idle),
]
