#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""churn.py PORT SOURCE WIDTH HOLD REST PATIENCE TARGET...: runs WIDTH clients of each target that come again and again, for tests of the
fleet. Each connects, waits at most PATIENCE seconds until it is greeted, holds the connection for about HOLD, and comes again after about
REST. Prints a line for each attempt that is over: target, when it began (CLOCK_MONOTONIC), seconds until it was greeted (-1: it was not).
Ends when its input ends."""
import asyncio, os, random, socket, sys, time

port, source, width = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
hold, rest, patience = map(float, sys.argv[4:7])


def about(seconds):
    return seconds * random.uniform(0.5, 1.5)


async def greeted(sock, target):
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (target, port))
    return await loop.sock_recv(sock, 512)


async def attempt(target):
    began = time.monotonic()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.bind((source, 0))
        try:
            let_in = await asyncio.wait_for(greeted(sock, target), patience)
        except (OSError, TimeoutError, asyncio.TimeoutError):
            let_in = b""
        print(target, began, time.monotonic() - began if let_in else -1, flush=True)
        if let_in:
            await asyncio.sleep(about(hold))


async def client(target):
    while True:
        await asyncio.sleep(about(rest))
        await attempt(target)


async def all_of_them():
    clients = [asyncio.create_task(client(t)) for t in sys.argv[7:] for _ in range(width)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # the kernel closes what is open; wait_for() may miss that it is cancelled


asyncio.run(all_of_them())
