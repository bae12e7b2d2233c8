"""Measurements of servers whose addresses follow from names. A dnsmasq beside the load answers."""

import os
import signal
import socket
import subprocess
import time

from .machine import LOAD_CORES, Cpu, Failed, free_port, until
from .measurement import Measurement

RESOLVERS = """
resolvers dns
    nameserver ns1 127.0.0.1:%d
    resolve_retries 3
    timeout resolve 1s
    timeout retry 1s
    hold valid 1s
"""
FOLLOWED, STARTED = 200, 500


class Dnsmasq:
    """Knows the hosts `h<number>.test` by a file. Their records live for a second."""

    def __init__(self, stage, addresses):
        self.port = free_port()
        self.hosts = os.path.join(stage.folder, "hosts")
        self.write(addresses)
        self.process = subprocess.Popen(
            ["taskset", "-c", LOAD_CORES, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
             "--port=%d" % self.port, "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv",
             "--no-hosts", "--local=/test/", "--local-ttl=1", "--dns-forward-max=10000", "--user=root",
             "--addn-hosts=" + self.hosts, "--pid-file=%s/dnsmasq.pid" % stage.folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stage.started.append(self)
        until("dnsmasq answers", lambda: self.answers("h0.test"), 10)

    def write(self, addresses):
        with open(self.hosts, "w") as file:
            file.writelines("%s h%d.test\n" % (ip, number) for number, ip in enumerate(addresses))

    def change(self, addresses):
        self.write(addresses)
        self.process.send_signal(signal.SIGHUP)

    def answers(self, name):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
            try:
                probe.connect(("127.0.0.1", self.port))
                probe.send(b"\0\7\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1")
                return bool(probe.recv(512))
            except OSError:
                return False

    def stop(self):
        self.process.terminate()
        self.process.wait()


def addresses(count):
    """Loopback addresses, one for each host."""
    return ["127.1.%d.%d" % (number // 250, number % 250 + 1) for number in range(count)]


def start(stage, names, count, server_port):
    """The program with a backend of so many named servers beside its own, which has an address."""
    backend = "backend named\n" + "".join(
        "    server n%d h%d.test:%d resolvers dns resolve-prefer ipv4 init-addr none\n"
        % (number, number, server_port) for number in range(count))
    # What follows the words of the section `global` may be other sections.
    return stage.start(in_global=RESOLVERS % names.port + backend, option="default_backend named",
                       server_port=server_port)


def up(proxy):
    """How many of the named servers have an address."""
    rows = proxy.api("show servers state named").splitlines()[2:]
    return sum(row.split()[4].startswith("127.1.") for row in rows if row.strip())


def asked(proxy):
    """Questions that the program has sent."""
    rows = (line.split(":") for line in proxy.api("show resolvers dns").splitlines() if ":" in line)
    return sum(int(value) for name, value in rows if name.strip() == "sent")


def follow(stage):
    """What it costs to ask for names again and again that do not change."""
    proxy = start(stage, Dnsmasq(stage, addresses(FOLLOWED)), FOLLOWED, free_port())
    until("all names are known", lambda: up(proxy) == FOLLOWED, 30, 0.05)
    before, cpu = asked(proxy), Cpu(proxy.pid)
    time.sleep(stage.seconds)
    spent_us, questions = cpu.spent_us(), asked(proxy) - before
    if questions < FOLLOWED * (stage.seconds - 1) / 2:
        raise Failed("only %d questions" % questions)
    return {"CPU of a question, µs": spent_us / questions,
            "questions per second": questions / stage.seconds}


def changed(stage):
    """From a new record of the nameserver to the first client at the new address."""
    with listener("127.1.0.1") as old, listener("127.1.1.1", old.getsockname()[1]) as new:
        names = Dnsmasq(stage, ["127.1.0.1"])
        proxy = start(stage, names, 1, old.getsockname()[1])
        until("the name is known", lambda: up(proxy) == 1, 30, 0.01)
        names.change(["127.1.1.1"])
        clients = []

        def arrives():
            clients.append(socket.create_connection(("127.0.0.1", proxy.port)))
            return accepted(new)

        try:
            return {"s": until("a client is at the new address", arrives, 30, 0.01)}
        finally:
            for client in clients:
                client.close()


def listener(ip, port=0):
    listening = socket.create_server((ip, port), backlog=4096)
    listening.setblocking(False)
    return listening


def accepted(listening):
    try:
        listening.accept()[0].close()
        return True
    except BlockingIOError:
        return False


def begin(stage):
    """The start of the program is counted: it is the same for both."""
    names = Dnsmasq(stage, addresses(STARTED))
    before = time.monotonic()
    proxy = start(stage, names, STARTED, free_port())
    until("all names are known", lambda: up(proxy) == STARTED, 60, 0.005)
    return {"s": time.monotonic() - before, "CPU, ms": Cpu(proxy.pid).before[0] / 1000}


MEASUREMENTS = [
    Measurement("dns-follow", "200 names followed, each asked for every second", follow),
    Measurement("dns-change", "from a changed record to the first client at the new address", changed),
    Measurement("dns-start", "from the start until 500 names are known", begin),
]
