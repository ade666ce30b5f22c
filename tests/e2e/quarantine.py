#!/usr/bin/python3
"""A milter that quarantines messages with a field X-Odd, and lets the others be. Usage: quarantine.py SOCKET"""
import sys

import Milter


class Quarantine(Milter.Base):
    def envfrom(self, *_):
        self.odd = False
        return Milter.CONTINUE

    def header(self, name, _):
        self.odd = self.odd or name == "X-Odd"
        return Milter.CONTINUE

    def eom(self):
        if self.odd:
            self.quarantine("it has a field X-Odd")
        return Milter.CONTINUE


Milter.factory = Quarantine
Milter.set_flags(Milter.QUARANTINE)
Milter.runmilter("quarantine", sys.argv[1], 60)
