# SPDX-License-Identifier: BSD-2-Clause
"""The Tab key in a real bash, zsh and fish offers what the running daemon has, and the words in the list of verbs."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

import pytest

from net import BUILD

POLICY = """service submission { ports = {587} }
source-set partners { prefixes = {192.0.2.0/24} action = allow }
"""
ASKED = (
    ("unban 203", "203.0.113.77"),
    ("unban 2001:db", "2001:db8::77"),
    ("disallow 198", "198.51.100.7"),
    ("sources --service sub", "submission"),
    ("set source-set par", "partners"),
    ("unban 203.0.113.77 --by op", "operators"),
    ("set service submission max-connections-per-n", "max-connections-per-network"),
    ("refusals --reason table", "table-full"),
    ("rel", "reload"),
)
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "PS1='> '; source {script}\n"),
    "zsh": (["zsh", "-f", "-i"], "PS1='> '; autoload -Uz compinit; compinit -u -D; source {script}\n"),
    "fish": (["fish", "--no-config", "-i"], "function fish_prompt; echo '> '; end; source {script}\n"),
}


class Typist:
    """Types into a shell at a terminal of its own, in the network namespace of the server."""

    def __init__(self, net, argv, directory):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(directory)
            env = {**os.environ, "PATH": f"{BUILD.resolve()}:{os.environ['PATH']}", "HOME": str(directory), "TERM": "xterm"}
            os.execvpe("nsenter", net.enter(net.server, argv), env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))  # no line is wrapped

    def type(self, text):
        os.write(self.fd, text.encode())

    def sees(self, text, seconds=20):
        """Whether the text appears there in time."""
        end = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                self.seen += os.read(self.fd, 4096).decode(errors="replace")
        return text in self.seen

    def close(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_tab_key_offers_what_there_is(make, tmp_path, shell):
    net, sluice = make(POLICY)
    sluice.do("ban", "203.0.113.77", "--by", "operators")
    sluice.do("ban", "2001:db8::77", "--by", "operators")
    sluice.do("allow", "198.51.100.7")
    argv, first = SHELLS[shell]
    script = tmp_path / f"completion.{shell}"
    script.write_text(subprocess.run([BUILD / "sluicectl", "completion", shell], check=True, capture_output=True, text=True).stdout)
    typist = Typist(net, argv, tmp_path)
    try:
        typist.type(first.format(script=script) + "echo be''gun\n")
        assert typist.sees("begun"), typist.seen
        for line, meant in ASKED:
            typist.seen = ""
            typist.type(f"sluicectl -i {sluice.instance} {line}\t")
            assert typist.sees(meant.removeprefix(line.split()[-1])), (line, meant, typist.seen)
            typist.type("\x15")
    finally:
        typist.close()
