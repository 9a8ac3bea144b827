# SPDX-License-Identifier: BSD-2-Clause
"""Real mail servers in a network's server namespace, as context managers: a server ends together with everything that it started."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from net import PACE, SERVER, wait_for

POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.sluice.test
mydestination = sluice.test
mynetworks = 127.0.0.0/8 10.77.0.0/16 [fd77::]/32 [fd78::]/32
inet_interfaces = all
inet_protocols = all
alias_maps =
alias_database =
local_recipient_maps =
default_transport = discard
local_transport = discard
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_tls_security_level = none
default_process_limit = {processes}
maillog_file_prefixes = {dir}
maillog_file = {dir}/log
"""

POSTFIX_MASTER = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols = imap
listen = *, ::
ssl = no
disable_plaintext_auth = no
default_internal_user = dovecot
default_login_user = dovenull
mail_location = maildir:{dir}/mail/%u
mail_max_userip_connections = 0
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={dir}/mail/%u
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  client_limit = 2000
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


# When the first process of a PID namespace ends, all others end with it, whatever sessions and groups they made.
ALONE = ["unshare", "--pid", "--fork", "--kill-child"]


@contextlib.contextmanager
def _running(net, port, make):
    """make(directory) writes the configuration and returns the command line."""
    where = pathlib.Path(tempfile.mkdtemp(prefix=f"{net.tag}.{port}."))
    where.chmod(0o755)  # the servers' own users must get in
    argv = [str(a) for a in make(where)]
    with open(where / "said", "wb") as said:
        process = subprocess.Popen(net.enter(net.server, ALONE + argv), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        _await_port(net, process, port, where)
        yield where
    finally:
        _end(net, process, port)
        shutil.rmtree(where, ignore_errors=True)


def _said(where):
    return "\n".join(f.read_text(errors="replace") for f in (where / "said", where / "log") if f.exists())


def _await_port(net, process, port, where):
    def listening():
        return process.poll() is not None or net.run(net.server, "ss", "-Htln", f"sport = :{port}").stdout

    wait_for(listening, 20)
    if process.poll() is not None or not listening():
        raise AssertionError(f"{process.args} does not listen on port {port}\n{_said(where)}")


def _end(net, process, port):
    """Kills the namespace's first process itself: --kill-child is lost on servers that change their user."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    with contextlib.suppress(OSError):
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
    process.kill()
    process.wait(timeout=5 * PACE)
    wait_for(lambda: not net.run(net.server, "ss", "-Htln", f"sport = :{port}").stdout)


def postfix(net, port=25, processes=100):
    """Runs a whole Postfix, with master in the foreground, which listens on both families."""

    def make(where):
        for name in ("etc", "queue", "data"):
            (where / name).mkdir()
        shutil.chown(where / "data", "postfix")
        (where / "etc" / "main.cf").write_text(POSTFIX_MAIN.format(dir=where, processes=processes))
        (where / "etc" / "master.cf").write_text(POSTFIX_MASTER.format(port=port))
        for name in ("dynamicmaps.cf", "postfix-files"):
            (where / "etc" / name).write_text("")
        return ["postfix", "-c", where / "etc", "start-fg"]

    return _running(net, port, make)


def dovecot(net, port=143):
    """Runs a whole Dovecot with IMAP, which takes any user and any password."""

    def make(where):
        for name in ("run", "state", "mail"):
            (where / name).mkdir()
        shutil.chown(where / "mail", "nobody")
        (where / "dovecot.conf").write_text(DOVECOT.format(dir=where, port=port))
        return ["dovecot", "-F", "-c", where / "dovecot.conf"]

    return _running(net, port, make)


def smtp_sink(net, port=25, backlog=4096):
    """Runs Postfix's load sink, for IPv4, as fast as the machine allows."""
    return _running(net, port, lambda where: ["smtp-sink", "-u", "nobody", f"{SERVER}:{port}", backlog])


def smtp_source(net, to=SERVER, port=25, sessions=10, messages=100, options=(), timeout=120):
    """Delivers real mail by SMTP over parallel sessions. Returns the exit status and what smtp-source said."""
    at = f"[{to}]:{port}" if ":" in to else f"{to}:{port}"
    argv = ["smtp-source", "-s", sessions, "-m", messages, "-f", "a@sluice.test", "-t", "b@sluice.test", *options, at]
    done = net.run(net.client, *argv, check=False, timeout=timeout)
    return done.returncode, done.stdout + done.stderr
