# SPDX-License-Identifier: BSD-2-Clause
"""The same text names the same addresses wherever it is written. Random texts go to every entry point, and are compared with a model in Python."""
import ipaddress, json, os, random, re, socket

SEED, TEXTS = int(os.environ.get("SLUICE_SEED", "17")), 500
POLICY = "geoip { count-countries = false }\nservice smtp { ports = {25} }\n"  # the databases would be read at every diff
MAPPED = int(ipaddress.ip_address("::ffff:0:0"))
FOUR = (MAPPED, MAPPED + 2**32 - 1)


def number(text):
    """Returns an address as a number of 128 bits (IPv4 as mapped), or None if the text is not an address."""
    try:
        a = ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None
    return a if a is None else int(a) + (MAPPED if a.version == 4 else 0)


def length(text, most):
    return int(text) if re.fullmatch(r"[0-9]{1,3}", text) and int(text) <= most else None


def netmask(text):
    mask = number(text) if ":" not in text else None
    bits = f"{mask - MAPPED:032b}" if mask is not None else "01"
    return None if "01" in bits else bits.count("1")


def model(text):
    """Returns the first and the last address that the text names, both families in one space, or None if it must be refused."""
    if "-" in text:
        low, high = (number(side) for side in text.split("-", 1)) if text.count("-") == 1 else (None, None)
        if low is None or high is None or low > high or (FOUR[0] <= low <= FOUR[1]) != (FOUR[0] <= high <= FOUR[1]):
            return None
        return low, high
    address, slash, rest = text.partition("/")
    first = number(address)
    if first is None:
        return None
    bits = 128
    if slash:
        dotted = ":" not in address
        bits = (netmask(rest) if "." in rest else length(rest, 32)) if dotted else length(rest, 128)
        if bits is None:
            return None
        bits += 96 if dotted else 0
    last = first | (1 << 128 - bits) - 1
    return None if first & (1 << 128 - bits) - 1 else (first, last)


def pieces(named):
    """Returns what is meant by a range: one of IPv6 never covers IPv4."""
    first, last = named
    if FOUR[0] <= first and last <= FOUR[1]:
        return [named]
    return [(a, b) for a, b in ((first, min(last, FOUR[0] - 1)), (max(first, FOUR[1] + 1), last)) if a <= b]


def texts(rng):
    """Yields texts of every form; half of them are good, the others are a character away from that."""

    def four():
        return str(ipaddress.IPv4Address(rng.choice((rng.getrandbits(32), rng.getrandbits(8) << 24, 0xC0000200 + rng.getrandbits(4)))))

    def six():
        a = ipaddress.IPv6Address(rng.choice((rng.getrandbits(128), 0x20010DB8 << 96 | rng.getrandbits(16), MAPPED + rng.getrandbits(32), rng.getrandbits(20))))
        mapped = a.ipv4_mapped and rng.random() < 0.7
        return f"::ffff:{a.ipv4_mapped}" if mapped else rng.choice((str(a), a.exploded, str(a).upper()))

    def network(address, most):
        bits = rng.randint(0, most)
        value = int(ipaddress.ip_address(address)) >> most - bits << most - bits
        cls = ipaddress.IPv4Address if most == 32 else ipaddress.IPv6Address
        return f"{cls(value)}/{bits}"

    def form():
        kind = rng.randrange(9)
        if kind == 0:
            return four()
        if kind == 1:
            return six()
        if kind == 2:
            return network(four(), 32)
        if kind == 3:
            return network(six(), 128)
        if kind == 4:
            return f"{four()}/{rng.randint(0, 33)}"
        if kind == 5:
            net = ipaddress.ip_network(network(four(), 32))
            return f"{net.network_address}/{net.netmask}"
        if kind == 6:
            sides = sorted((rng.getrandbits(32), rng.getrandbits(32)))
            sides[1] = rng.choice((sides[1], min(sides[0] + rng.getrandbits(5), 2**32 - 1)))
            return "-".join(str(ipaddress.IPv4Address(s)) for s in sides)
        if kind == 7:
            low = rng.choice((int(ipaddress.IPv6Address(six())), MAPPED - 2))
            return f"{ipaddress.IPv6Address(low)}-{ipaddress.IPv6Address(min(low + rng.getrandbits(4), 2**128 - 1))}"
        return rng.choice(("::/0", "0.0.0.0/0", "::ffff:0:0/96", "::ffff:0.0.0.0/95", "::/95", "::fffe:0:0/95", "::ffff:192.0.2.0/24", "::-::2", "1.2.3.4/255.255.0.255", "::1/032", "0:0:0:0:0:ffff:192.0.2.1/128"))

    while True:
        text = form()
        if rng.random() < 0.4:
            at, how = rng.randrange(len(text) + 1), rng.random()
            text = text[:at] + (rng.choice("0123456789abcdefg.:/-%x+") if how < 0.7 else "") + text[at + (how > 0.35) :]
        if text and not text.startswith("-"):
            yield text


class Asker:
    """Asks at the control socket itself, since there are thousands of questions."""

    def __init__(self, sluice):
        self.path = f"/run/sluice/{sluice.instance}.sock"

    def __call__(self, verb, body=None, **args):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            more = {"bytes": len(body)} if body is not None else {}
            s.sendall(json.dumps({"verb": verb, "args": args, **more}).encode() + b"\n" + (body or b""))
            got = b""
            while not got.endswith(b"\n"):
                got += s.recv(1 << 20)
        return json.loads(got)


def named_by(rows):
    """Returns the rows of `bans` or `allows` as ranges, with neighbours joined."""
    out = []
    for row in rows:
        address, _, bits = row["source"].partition("/")
        bits = int(bits) + (0 if ":" in address else 96) if bits else 128
        first = number(address)
        for low, high in pieces((first, first | (1 << 128 - bits) - 1)):
            out.append((low, high))
    joined = []
    for low, high in sorted(out):
        if joined and joined[-1][1] + 1 == low:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined


def at(verb):
    return {"service": "smtp"} if verb == "explain" else {}


def refusal(answer):
    """Returns the reason, without the words around it."""
    assert not answer["ok"], answer
    return answer["error"].splitlines()[0].split("' ", 1)[1]


def test_every_entry_point_takes_a_text_for_the_same_addresses(make, tmp_path):
    _, sluice = make(POLICY)
    ask, rng = Asker(sluice), random.Random(SEED)
    policy, listed = tmp_path / "policy.conf", tmp_path / "list.txt"
    good = single = 0
    for text, _ in zip(texts(rng), range(TEXTS)):
        want = model(text)
        ways = {
            "ban": lambda: ask("ban", prefix=text, force=True),
            "ban --file": lambda: ask("ban", f"{text}\n".encode(), force=True),
            "allow": lambda: ask("allow", prefix=text),
        }
        policy.write_text("interfaces = {s0}\n" + POLICY + f'source-set s {{ prefixes = {{"{text}"}} action = deny }}\n')
        in_policy = ask("diff", path=str(policy))
        listed.write_text(text + "\n")
        policy.write_text("interfaces = {s0}\n" + POLICY + f"source-set s {{ file = {listed} reading = strict action = deny }}\n")
        in_list = ask("diff", path=str(policy))
        about = {f"text {text!r}, seed {SEED}": 1}
        if want is None:
            why = {way: refusal(run()) for way, run in ways.items()}
            why.update(policy=refusal(in_policy), list=refusal(in_list))
            for verb in ("unban", "disallow", "bans", "kill"):
                why[verb] = refusal(ask(verb, prefix=text))
            for verb in ("lookup", "explain", "export", "erase"):
                why[verb] = refusal(ask(verb, address=text, **at(verb)))
            assert len({w.split(":")[0] for w in why.values()}) == 1, (about, why)
            continue
        good += 1
        assert in_policy["ok"] and in_list["ok"], (about, in_policy, in_list)
        for way, run in ways.items():
            assert run()["ok"], (about, way)
            rows, back = ("allows", "disallow") if way == "allow" else ("bans", "unban")
            assert named_by(ask(rows)["data"]) == pieces(want), (about, way)
            assert ask(back, prefix=text)["ok"] and ask(rows)["data"] == [], (about, way)
        one = want[0] == want[1]
        single += one
        for verb in ("lookup", "explain"):
            said = ask(verb, address=text, **at(verb))
            if said["ok"]:
                assert number(said["data"]["address"]) == want[0] and ("asked" in said["data"]) != one, (about, verb)
            else:
                assert "-" in text and refusal(said).startswith("is more than one prefix"), (about, verb)
        for verb in ("export", "erase"):
            said = ask(verb, address=text, **at(verb))
            if not one:
                assert refusal(said).startswith("is more than one address"), (about, verb)
            elif verb != "erase":
                assert said["ok"] and number(said["data"]["address"]) == want[0], (about, verb)
    print(f"{TEXTS} texts: {good} good, of these {single} one address, {TEXTS - good} refused by all")
    assert good > TEXTS / 4 and TEXTS - good > TEXTS / 10 and single > TEXTS / 20


def test_sets_lists_and_bans_hold_the_same_addresses(make, tmp_path):
    """Asks what is in force address by address, at the edges of what each text names."""
    _, sluice = make(POLICY)
    ask, rng = Asker(sluice), random.Random(SEED + 1)
    chosen = [t for t, _ in zip((t for t in texts(rng) if model(t)), range(24))]
    text = "interfaces = {s0}\n" + POLICY
    for i, t in enumerate(chosen):
        (tmp_path / f"{i}.txt").write_text(t + "\n")
        text += f'source-set p{i} {{ prefixes = {{"{t}"}} max-rate-per-source = 9/1m }}\nsource-set l{i} {{ file = {tmp_path}/{i}.txt reading = strict max-rate-per-source = 9/1m }}\n'
    (tmp_path / "sets.conf").write_text(text)
    assert (said := ask("apply", path=str(tmp_path / "sets.conf")))["ok"], said
    for i, t in enumerate(chosen):
        assert ask("ban", prefix=t, force=True)["ok"]
        edges = {e for low, high in pieces(model(t)) for e in (low - 1, low, high, high + 1) if 0 <= e < 2**128} | {FOUR[0], FOUR[1], 1}
        for edge in edges:
            address = ipaddress.IPv6Address(edge)
            said = ask("lookup", address=str(address.ipv4_mapped or address))["data"]
            held = any(low <= edge <= high for low, high in pieces(model(t)))
            assert (f"p{i}" in said["sets"], f"l{i}" in said["sets"], said["services"][0]["reason"] == "banned") == (held,) * 3, (t, str(address), said)
        assert ask("unban", prefix=t)["ok"]


def test_ipv6_prefix_takes_the_same_lengths_as_a_slash(make, tmp_path):
    _, sluice = make(POLICY)
    ask, policy = Asker(sluice), tmp_path / "policy.conf"
    for text in ("16", "64", "064", "128", "129", "1280", "+64", "-1", "0x40", "64x", "6 4", "", "64.0"):
        policy.write_text("interfaces = {s0}\n" + POLICY + f'sources {{ ipv6-prefix = "{text}" }}\n')
        taken = ask("diff", path=str(policy))["ok"]
        assert taken == ask("bans", prefix=f"::/{text}")["ok"], text
