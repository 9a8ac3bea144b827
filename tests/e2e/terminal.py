# SPDX-License-Identifier: BSD-2-Clause
"""Runs sluicectl on a terminal of a given size, to see what it prints there (on a pty) and what a screen shows (in tmux)."""
import fcntl
import os
import pty
import struct
import subprocess
import termios

from net import BUILD, sh, wait_for


def printed(net, sluice, width, *words, status=0, **env):
    """Returns all that a command prints on a terminal of so many columns, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    argv = net.enter(net.server, [str(BUILD / "sluicectl"), "-i", sluice.instance, *map(str, words)])
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    child = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=subprocess.STDOUT, env={**plain, **env})
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert child.wait() == status, text
    return text.decode().replace("\r", "")


def on_terminal(net, sluice, width, *words):
    """Returns the same without colours, line by line."""
    return printed(net, sluice, width, *words, TERM="xterm", NO_COLOR="1").splitlines()


class Screen:
    """A tmux server for one test, with one window that runs a command of sluicectl."""

    def __init__(self, net, sluice, width=100, height=30, words=("top",)):
        self.socket = str(sluice.file.parent / f"tmux{width}")
        argv = net.enter(net.server, [BUILD / "sluicectl", "-i", sluice.instance, *words])
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", str(width), "-y", str(height), *argv)

    def tmux(self, *words, check=True):
        return sh("tmux", "-S", self.socket, *words, check=check)

    def text(self, *how):
        return self.tmux("capture-pane", "-p", *how, "-t", "t", check=False).stdout

    def shows(self, *words, seconds=10):
        return wait_for(lambda: all(w in self.text() for w in words), seconds, 0.1)

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def ended(self):
        return wait_for(lambda: self.tmux("list-sessions", check=False).returncode != 0)

    def close(self):
        self.tmux("kill-server", check=False)
        self.ended()
