"""What haproxyadmin says of the program behind a Runtime API, and what it can change there."""

import sys

from haproxyadmin import haproxy

program = haproxy.HAProxy(socket_file=sys.argv[1])
print("description", program.description)
# stickd tells a newer version, for tools that ask for it.
print("version", program.version[:2])
for name in ("Maxconn", "CurrConns", "Idle_pct"):
    assert isinstance(program.metric(name), int), name
for frontend in program.frontends():
    print("frontend", frontend.name, frontend.iid, frontend.status, frontend.metric("stot"))
for backend in program.backends():
    print("backend", backend.name, backend.iid, backend.status, backend.metric("bout"))
    for server in backend.servers():
        print("server", server.name, server.sid, server.status, server.weight, server.check_status)
[server] = program.server("s1", backend="web")
for state in ("maint", "ready", "drain", "ready"):
    print(state, server.setstate(state), server.status)
print("weight", server.setweight(5), server.weight)
frontend = program.frontend("in")
print("disable", frontend.disable(), frontend.status)
print("enable", frontend.enable(), frontend.status)
print("maxconn", frontend.setmaxconn(50), frontend.maxconn)
print("errors", "Total events captured on" in str(program.errors()))
