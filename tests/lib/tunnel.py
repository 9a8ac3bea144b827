#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tunnel.py NETNS NETNS NAME [TYPE]: makes a tun device NAME in each of two network namespaces, and carries packets between them until its
input ends. TYPE is the kind of hardware (ARPHRD_*) that they claim to be. Prints "ready"."""
import ctypes, fcntl, os, select, struct, sys

TUNSETIFF, TUNSETLINK, IFF_TUN_NO_PI, CLONE_NEWNET = 0x400454CA, 0x400454CD, 0x1001, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def tun(namespace, kind):
    with open("/run/netns/" + namespace) as there:
        if libc.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), namespace)
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", sys.argv[3].encode(), IFF_TUN_NO_PI))
    if kind:
        fcntl.ioctl(fd, TUNSETLINK, kind)
    return fd


ends = [tun(ns, int(sys.argv[4]) if len(sys.argv) > 4 else 0) for ns in sys.argv[1:3]]
other = dict(zip(ends, ends[::-1]))
print("ready", flush=True)
while 0 not in (ready := select.select([0] + ends, [], [])[0]):
    for fd in ready:
        try:
            os.write(other[fd], os.read(fd, 65536))
        except OSError:  # one end is down
            pass
