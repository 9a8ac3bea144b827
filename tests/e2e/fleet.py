# SPDX-License-Identifier: BSD-2-Clause
"""Stores and the program that talks to them, for tests of the fleet: redis-server and sluice-fleet, in a namespace of their own."""
import collections, contextlib, json, os, pathlib, secrets, signal, socket, struct, subprocess, time

from net import BUILD, processor_seconds, sh, wait_for

CONFIG, EXCHANGE, STATE, LEASES, NEEDS, HOSTS, POLICY, LOOK, HELD, PUT, RECORDS = range(1, 12)
EXACT, RELEASE, GIVE = 1, 2, 4  # flags of a row in a request
GONE, OVER = 1, 2
EVICTS, APPENDS, SNAPSHOTS = 1, 2, 4  # flags of a state
LIMIT_ROWS = 1000
SPACE = "0123456789abcdef"
STORE = os.environ.get("SLUICE_STORE", "redis-server")  # or valkey-server, or the path of either
ALL_RECORDS = """
local all = {}
for _, key in ipairs(redis.call('KEYS', 'sluice:{*}:k:*')) do
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do all[#all + 1] = key .. ' ' .. flat[i] .. ' ' .. flat[i + 1] end
end
return all
"""
Lease = collections.namedtuple("Lease", "key lease others_held others_hosts flags")
Record = collections.namedtuple("Record", "id stamp keep sealed")
State = collections.namedtuple("State", "connected hosts resync rtt_us flags clock_ms server version error memory memory_most")


class Place:
    """A namespace that has only lo, and what runs in it."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.name = os.environ.get("SLUICE_TAG", "sl") + secrets.token_hex(3) + "f"
        self.things = []
        sh("ip", "netns", "add", self.name)
        sh(*self.enter("ip", "link", "set", "lo", "up"))

    def enter(self, *argv):
        return ["nsenter", f"--net=/run/netns/{self.name}", *(str(a) for a in argv)]

    def server(self, port=6379, *options):
        server = self.keep(Server(self, port, options))
        server.start()
        return server

    def host(self, name, servers=("127.0.0.1:6379",), wait=True, **config):
        h = self.keep(Host(self, name, servers, config))
        assert not wait or h.until(lambda: h.state and h.state.connected), h.state
        return h

    def run(self, *argv, **more):
        """Starts another process, which ends with the place."""
        process = subprocess.Popen(self.enter(*argv), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more)
        process.close = lambda: (process.kill(), process.wait(), process.stdout.close())
        return self.keep(process)

    def keep(self, thing):
        self.things.append(thing)
        return thing

    def close(self):
        with contextlib.ExitStack() as all_of_it:  # closes the rest even if one fails
            all_of_it.callback(sh, "ip", "netns", "del", self.name, check=False)
            for thing in self.things:
                all_of_it.callback(thing.close)


class Server:
    """A redis-server, or what SLUICE_STORE names."""

    def __init__(self, place, port, options):
        self.place, self.port, self.options, self.process = place, port, options, None

    def start(self):
        argv = [STORE, "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", self.place.directory, *self.options]
        self.process = subprocess.Popen(self.place.enter(*argv), stdout=subprocess.DEVNULL)
        assert wait_for(lambda: self.cli("ping", check=False).strip() in ("PONG", "NOAUTH Authentication required."))

    def cli(self, *words, check=True):
        return sh(*self.place.enter("redis-cli", "-p", self.port, "--no-auth-warning", *words), check=check).stdout

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    close = kill

    def records(self):
        """Returns {key: {host: (held, lease)}}."""
        found = collections.defaultdict(dict)
        flat = iter(self.cli("eval", ALL_RECORDS, 0).split())
        for name, host, held, lease, _ in zip(flat, flat, flat, flat, flat):
            found[int(name[-16:], 16)][host] = int(held), int(lease)
        return dict(found)

    def cpu_seconds(self):
        return processor_seconds(self.process.pid)


class Host:
    """A sluice-fleet, and sluiced's part, which the test plays: what a host says, and what it is told."""

    def __init__(self, place, name, servers, config):
        self.name = name
        self.state, self.hosts, self.needs, self.leases, self.seen = None, [], [], collections.deque(), []
        self.looked, self.records = {}, []
        self.end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inside = f"exec 3<&{other.fileno()} {other.fileno()}<&-; exec {BUILD}/sluice-fleet" if other.fileno() != 3 else f"exec {BUILD}/sluice-fleet"
        self.process = subprocess.Popen(place.enter("bash", "-c", inside), pass_fds=[other.fileno()])
        other.close()
        self.configure(servers, **config)

    def configure(self, servers, **more):
        self.send(CONFIG, json.dumps({"servers": list(servers), "name": self.name, "space": SPACE, **more}).encode())

    def send(self, kind, body, count=None):
        self.end.sendall(struct.pack("II", kind, len(body) if count is None else count) + body)

    def ask(self, rows):
        """Sends rows (key, limit, held, want, flags)."""
        self.send(EXCHANGE, b"".join(struct.pack("QIIII", *r) for r in rows), len(rows))

    def put(self, *records):
        self.send(PUT, b"".join(struct.pack("<16sQQ256s", *r) for r in records), len(records))

    def look(self, *keys):
        """Asks who holds these keys. The answers arrive in `looked`."""
        self.send(LOOK, struct.pack(f"{len(keys)}Q", *keys), len(keys))

    def exchange(self, *rows, seconds=5):
        """Sends rows, and returns their answers: [Lease]."""
        self.leases.clear()
        self.ask(rows)
        assert self.until(lambda: len(self.leases) >= len(rows), seconds), self.state
        return [self.leases.popleft() for _ in rows]

    def one(self, key, limit, held, want=0, flags=0):
        return self.exchange((key, limit, held, want, flags))[0]

    def receive(self, seconds):
        """Takes one message. Returns False if none came."""
        self.end.settimeout(max(seconds, 0))
        try:
            got = self.end.recv(65536)
        except (TimeoutError, BlockingIOError):
            return False
        assert got, f"{self.name}: sluice-fleet has ended"
        kind, count = struct.unpack_from("II", got)
        body = got[8:]
        if kind == STATE:
            assert count == 1
            plain = struct.unpack("5Ii128s32s192sQQ", body)
            self.state = State(*plain[:6], *(t.split(b"\0")[0].decode() for t in plain[6:9]), *plain[9:])
            self.seen.append(self.state)
        elif kind == LEASES:
            assert len(body) == 24 * count
            self.leases.extend(Lease(*r) for r in struct.iter_unpack("QIIII", body))
        elif kind == NEEDS:
            self.needs.extend(k for (k,) in struct.iter_unpack("Q", body))
        elif kind == HELD:
            told = json.loads(body)
            self.looked[int(told["key"], 16)] = {row["name"]: (row["held"], row["lease"]) for row in told["rows"]}
        elif kind == HOSTS:
            assert len(body) == count
            self.hosts = json.loads(body)
        else:
            assert kind == RECORDS and len(body) == 288 * count
            self.records.extend(Record(*r) for r in struct.iter_unpack("<16sQQ256s", body))
        return True

    def until(self, what, seconds=5):
        end = time.monotonic() + seconds
        while not (got := what()) and time.monotonic() < end:
            self.receive(min(0.1, end - time.monotonic()))
        return got

    def drain(self, seconds=0.0):
        end = time.monotonic() + seconds
        while self.receive(end - time.monotonic()) or time.monotonic() < end:
            pass

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        """Closes sluiced's end, upon which sluice-fleet ends in order (and LeakSanitizer reports what it found)."""
        self.end.close()
        try:
            assert self.process.wait(10) in (0, -signal.SIGKILL)
        finally:
            self.kill()
