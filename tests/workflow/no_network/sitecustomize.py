"""Put this folder on PYTHONPATH, and a Python process that opens a network connection fails and
says where.

Unix sockets stay open: several processes of one machine may speak to each other.
"""

import socket


def _blocked(name):
    original = getattr(socket.socket, name)

    def method(self, address, *rest):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise AssertionError(
                f"this process may not open the network, and connects to {address!r}"
            )
        return original(self, address, *rest)

    return method


def _no_lookup(host, *rest, **named):
    raise AssertionError(f"this process may not open the network, and looks up {host!r}")


for _name in ("connect", "connect_ex"):
    setattr(socket.socket, _name, _blocked(_name))
socket.getaddrinfo = _no_lookup
