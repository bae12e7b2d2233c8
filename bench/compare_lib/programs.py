"""The programs that are compared, with equivalent configurations, and the server behind them."""

import dataclasses
import os
import re
import signal
import socket
import subprocess

from .machine import MAXCONN, PROXY_CORE, ROOT, STREAM_MODULE, Failed, free_port, is_open, until

TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
STICKD = os.environ.get("STICKD_BIN", os.path.join(TARGET, "release", "stickd"))
BINARIES = {"stickd": STICKD, "haproxy": "haproxy", "nginx": "nginx"}


@dataclasses.dataclass
class Setup:
    """What a proxy is configured to do beside relaying to one server and sticking to it."""

    server_port: int
    port: int = dataclasses.field(default_factory=free_port)
    local: str = "a"
    # Every peer by its name. Nobody but the load is ever `x`, and that calls by itself.
    peers: dict = dataclasses.field(default_factory=lambda: {"a": free_port(), "x": free_port()})
    option: str = ""
    in_global: str = ""
    threads: int = 1
    table_size: int = 2_000_000
    reloadable: bool = False
    cores: str = PROXY_CORE
    # Put before the command: a tool that looks at how it runs.
    wrapper: tuple = ()


class WebServer:
    """nginx as the server behind the proxies: a small answer and a large one."""

    CONFIG = """
daemon off; master_process off; %s
pid %s/nginx.pid; error_log %s/nginx.err crit;
events { worker_connections 25000; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
    sendfile on; tcp_nopush on; tcp_nodelay on;
    server {
        listen 127.0.0.1:%d backlog=65535; root %s/html;
        location = / { return 200 'hello\\n'; }
    }
}
"""

    def __init__(self, folder, cores):
        self.port = free_port()
        os.makedirs(folder + "/html", exist_ok=True)
        with open(folder + "/html/16m", "wb") as file:
            file.write(os.urandom(1 << 20) * 16)
        config = folder + "/server.conf"
        # Its files are in a directory that only this user may enter.
        user = "user root;" if os.geteuid() == 0 else ""
        with open(config, "w") as file:
            file.write(self.CONFIG % (user, folder, folder, self.port, folder))
        self.process = subprocess.Popen(
            ["taskset", "-c", cores, "nginx", "-p", folder, "-c", config],
            stderr=subprocess.DEVNULL)
        until("the server serves", lambda: is_open(self.port))

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Proxy:
    """What stickd, HAProxy and nginx as proxies have in common."""

    def __init__(self, name, folder, setup):
        self.name, self.setup = name, setup
        self.folder = folder
        self.port = setup.port
        config = self.path("cfg")
        with open(config, "w") as file:
            file.write(self.configuration())
        self.log = open(self.path("log"), "a")
        self.process = subprocess.Popen(
            ["taskset", "-c", setup.cores, *setup.wrapper, *self.command(config)],
            stdout=self.log, stderr=self.log, start_new_session=True)
        try:
            until("%s serves" % name, self.serves, 30)
        except Failed as failure:
            self.stop()
            with open(self.path("log")) as log:
                raise Failed("%s: %s" % (failure, log.read())) from failure
        self.pid = self.find_pid()

    def path(self, kind):
        return "%s/%s-%s.%s" % (self.folder, self.name, self.setup.local, kind)

    def address(self):
        return "127.0.0.1:%d" % self.port

    def url(self, path="/"):
        return "http://%s%s" % (self.address(), path)

    def stop(self):
        # Successors are in the session that the first process leads.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()


class Balancer(Proxy):
    """stickd or HAProxy: they read the same configuration."""

    CONFIG = """
global
    nbthread %d
    maxconn %d
    stats socket %s mode 600 level admin
    %s
defaults
    mode tcp
    timeout connect 5s
    timeout client 600s
    timeout server 600s
peers mesh
%s
listen web
    bind 127.0.0.1:%d backlog 4096
    %s
    stick-table type ip size %d expire 1h peers mesh
    stick on src
    server s1 127.0.0.1:%d
"""

    def configuration(self):
        setup = self.setup
        peers = "\n".join("    peer %s 127.0.0.1:%d" % peer for peer in setup.peers.items())
        return self.CONFIG % (setup.threads, MAXCONN, self.path("admin"), setup.in_global, peers,
                              setup.port, setup.option, setup.table_size, setup.server_port)

    def command(self, config):
        # stickd reloads by itself and stays in the foreground anyway.
        foreground = [] if self.name == "stickd" else ["-W" if self.setup.reloadable else "-db"]
        return [BINARIES[self.name], "-f", config, "-L", self.setup.local,
                "-p", self.path("pid"), *foreground]

    def serves(self):
        return "Pid" in self.api("show info")

    def find_pid(self):
        return int(self.info("Pid"))

    def api(self, command):
        """The answer to one command, nothing when there is none."""
        try:
            with socket.socket(socket.AF_UNIX) as api:
                api.settimeout(60)
                api.connect(self.path("admin"))
                api.sendall(command.encode() + b"\n")
                answer = b""
                while part := api.recv(65536):
                    answer += part
                return answer.decode()
        except OSError:
            return ""

    def info(self, field):
        found = re.search(r"^%s: (.*)$" % field, self.api("show info"), re.M)
        return found.group(1) if found else ""

    def connections(self):
        return int(self.info("CurrConns"))

    def used(self):
        """Entries in the table."""
        found = re.search(r"# table: web,.* used:(\d+)", self.api("show table"))
        return int(found.group(1)) if found else -1

    def peer_address(self):
        return "127.0.0.1:%d" % self.setup.peers[self.setup.local]


class NginxStream(Proxy):
    """nginx as a proxy. It keeps no table: it finds a client's server by hashing the address."""

    CONFIG = """
load_module %s;
daemon off; worker_processes 1; worker_rlimit_nofile %d;
pid %s; error_log %s crit;
events { worker_connections %d; }
stream {
    upstream servers { hash $remote_addr consistent; server 127.0.0.1:%d; }
    server {
        listen 127.0.0.1:%d backlog=4096;
        proxy_connect_timeout 5s; proxy_timeout 600s; proxy_pass servers;
    }
}
"""

    def configuration(self):
        setup = self.setup
        return self.CONFIG % (STREAM_MODULE, 2 * MAXCONN + 200, self.path("pid"), self.path("err"),
                              2 * MAXCONN + 100, setup.server_port, setup.port)

    def command(self, config):
        return [BINARIES[self.name], "-p", self.folder, "-c", config]

    def serves(self):
        return bool(self.workers()) and is_open(self.port)

    def workers(self):
        pid = self.process.pid
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return [int(pid) for pid in file.read().split()]

    def find_pid(self):
        return self.workers()[0]

    def connections(self):
        """Both sides of each are sockets of the worker."""
        descriptors = "/proc/%d/fd" % self.pid
        links = (os.readlink(os.path.join(descriptors, fd)) for fd in os.listdir(descriptors))
        return sum(link.startswith("socket:") for link in links) // 2


def start(name, folder, setup):
    """The program of that name, serving."""
    return (NginxStream if name == "nginx" else Balancer)(name, folder, setup)
