#!/usr/bin/env python3
"""Asks several policy servers as Postfix does, for tests/integration/cluster.sh.

    cluster_ask.py steal LOGIN SECONDS SOCKET...   everyone at once, as fast as they answer, for that long: what each let through
    cluster_ask.py once LOGIN SOCKET [CLIENT]      one message: the action at RCPT, or at the end
    cluster_ask.py gap PATTERN LOGIN FIRST SECOND COMMAND...   runs the command; the milliseconds from the moment when the action at
                                                   RCPT of the first socket begins with the pattern, until the second's does
    cluster_ask.py through LOGIN FILE SOCKET...    everyone, again and again, through servers that come and go, until there is such a
                                                   file: a line for each, the name of its folder and what it let through
    cluster_ask.py count ROUNDS FIRST LAST SOCKET...   so many messages of each user of these numbers, by turns: how many were let through
    cluster_ask.py until PATTERN LOGIN SOCKET      until the action at RCPT begins with the pattern: the milliseconds that took
"""
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../attacks"))
from policy_attacks import Policy  # noqa: E402


def act(policy, login, **fields):
    said = policy.ask("RCPT", sasl_username=login, sender=login, **fields)
    if said == "DUNNO":
        said = policy.ask("END-OF-MESSAGE", new=False, sasl_username=login, sender=login, **fields)
    return said


def steal(login, seconds, paths):
    passed = [0] * len(paths)

    def attack(i):
        policy = Policy(paths[i])
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            passed[i] += act(policy, login) == "DUNNO"
            time.sleep(0.005)

    threads = [threading.Thread(target=attack, args=(i,)) for i in range(len(paths))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(sum(passed), *passed)


def through(login, file, paths):
    passed = dict.fromkeys(paths, 0)
    while not os.path.exists(file):
        for path in paths:
            try:
                passed[path] += act(Policy(path), login) == "DUNNO"
            except (OSError, AttributeError):  # it is not there, or was killed before it answered
                pass
        time.sleep(0.02)
    for path in paths:
        print(os.path.basename(os.path.dirname(path)), passed[path])


def count(rounds, first, last, paths):
    policies, passed = [Policy(path) for path in paths], 0
    for i in range(rounds):
        for user in range(first, last + 1):
            login = f"user{user}@contoso.example"
            passed += act(policies[(i + user) % len(policies)], login) == "DUNNO"
            time.sleep(0.01)
    print(passed)


def until(pattern, login, path):
    policy, begun = Policy(path), time.monotonic()
    while time.monotonic() - begun < 120:
        if policy.ask("RCPT", sasl_username=login, sender=login).startswith(pattern):
            print(int((time.monotonic() - begun) * 1000))
            return
        time.sleep(0.002)
    print("never")


def first_time(pattern, login, path, out):
    policy, end = Policy(path), time.monotonic() + 120
    while time.monotonic() < end:
        if policy.ask("RCPT", sasl_username=login, sender=login).startswith(pattern):
            out[path] = time.monotonic()
            return
        time.sleep(0.001)


def gap(pattern, login, first, second, *command):
    times = {}
    threads = [threading.Thread(target=first_time, args=(pattern, login, path, times)) for path in (first, second)]
    for t in threads:
        t.start()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for t in threads:
        t.join()
    print("%.0f" % ((times[second] - times[first]) * 1000) if len(times) == 2 else "never")


if sys.argv[1] == "gap":
    gap(*sys.argv[2:])
elif sys.argv[1] == "steal":
    steal(sys.argv[2], float(sys.argv[3]), sys.argv[4:])
elif sys.argv[1] == "through":
    through(sys.argv[2], sys.argv[3], sys.argv[4:])
elif sys.argv[1] == "count":
    count(*map(int, sys.argv[2:5]), sys.argv[5:])
elif sys.argv[1] == "once":
    fields = {"client_address": sys.argv[4]} if len(sys.argv) > 4 else {}
    print(act(Policy(sys.argv[3]), sys.argv[2], **fields))
else:
    until(sys.argv[2], sys.argv[3], sys.argv[4])
