#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""garbled.py PORT KIND [ADDRESS]: a false Redis server, on 127.0.0.1 by default, for tests of sluice-fleet. Prints "ready", then serves until killed.

The kinds of SAYS send that to every client, for ever. The others greet as Redis does, with a good beat, and lie in their next answers.
"""
import os, socket, struct, sys, threading, time

SAYS = {
    "noise": lambda: os.urandom(4096),
    "zeros": lambda: b"\0" * 4096,
    "a huge text": lambda first=[1]: (b"$536870912\r\n" if first and first.pop() else b"x" * 65536),
    "many parts": lambda: b"*2000000000\r\n",
    "depth": lambda: b"*1\r\n" * 1000,
    "numbers": lambda: b":7\r\n" * 10,
    "errors": lambda: b"-ERR \x1b[2J what\xff\r\n",
    "a line without an end": lambda: b"+" + b"a" * 65536,
    "nothing": lambda: time.sleep(1) or b"",
}
ROW = struct.Struct("<IIII")
LIES = {  # answers to an exchange; a true row would be (held, 0, 0, 0)
    "a lease beyond the limit": lambda n: bulk(ROW.pack(2**32 - 1, 0, 0, 0) * n),
    "a lease of less than is held": lambda n: bulk(ROW.pack(0, 0, 0, 0) * n),
    "a record that is gone": lambda n: bulk(ROW.pack(1, 0, 0, 1) * n),
    "millions of hosts": lambda n: bulk(ROW.pack(1, 0, 5_000_000, 0) * n),
    "rows that are missing": lambda n: bulk(ROW.pack(1, 0, 0, 0) * (n - 1)),
    "rows that nobody asked for": lambda n: bulk(ROW.pack(1, 0, 0, 0) * (n + 1)),
    "a list": lambda n: b"*1\r\n:1\r\n",
    "two answers": lambda n: b":0\r\n" * 40,
}
BEATS = {
    "a beat of no hosts": b"*5\r\n$1\r\na\r\n:0\r\n:1\r\n:0\r\n*0\r\n",
    "a beat without a number": b"*5\r\n$-1\r\n:1\r\n:1\r\n:0\r\n*0\r\n",
    "a long number": b"*5\r\n$99\r\n" + b"a" * 99 + b"\r\n:1\r\n:1\r\n:0\r\n*0\r\n",
    "hosts that are numbers": b"*5\r\n$1\r\na\r\n:1\r\n:1\r\n:0\r\n*3\r\n:1\r\n:1\r\n:1\r\n",
    "a short beat": b"*1\r\n:1\r\n",
    "a beat that is a text": b"$2\r\nok\r\n",
}
NEEDS = [b":5\r\n", b"$-1\r\n", b"*0\r\n", *(b"$%d\r\n%s\r\n" % (len(t), t) for t in (b"", b" ", b"mx9", b"mx9 zz", b"mx9  ", b"mx9 " + b"f" * 40, b"mx9 0000000000000005x", b"mx9 5 6"))]
GOOD_BEAT = b"*5\r\n$1\r\na\r\n:1\r\n:1\r\n:0\r\n*0\r\n"


def bulk(data):
    return b"$%d\r\n%s\r\n" % (len(data), data)


def answer(words, kind):
    if words[0] == b"EVALSHA" and b":of:" in words[5]:
        return BEATS.get(kind, GOOD_BEAT)
    if words[0] == b"EVALSHA":
        rows = int(words[2]) - 2
        return LIES[kind](rows) if kind in LIES else bulk(ROW.pack(1, 0, 0, 0) * rows)
    version = b"6.0.16" if kind == "an old server" else b"7.0"
    said = {
        b"INFO": bulk(b"run_id:x\r\nredis_version:" + version + b"\r\nrole:master\r\nloading:0\r\nmaxmemory:0\r\n"),
        b"SCRIPT": bulk(b"0" * 40),
        b"SUBSCRIBE": b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
        b"PING": b"*2\r\n$4\r\npong\r\n$0\r\n\r\n",
    }[words[0]]
    if words[0] == b"SUBSCRIBE" and kind == "needs that are none":
        for text in NEEDS:
            said += b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n" + text
    return said


def serve(client, kind):
    stream = client.makefile("rb")
    try:
        while kind in SAYS:
            client.sendall(SAYS[kind]())
        while line := stream.readline():
            words = []
            for _ in range(int(line[1:])):
                words.append(stream.read(int(stream.readline()[1:])))
                stream.read(2)
            client.sendall(answer(words, kind))
    except OSError:
        client.close()


def main():
    port, kind = int(sys.argv[1]), sys.argv[2]
    listener = socket.create_server((sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1", port))
    print("ready", flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0], kind), daemon=True).start()


if __name__ == "__main__":
    main()
