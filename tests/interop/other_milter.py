"""Another milter beside postern: other_milter.py SOCKET quarantine|change.

"quarantine" puts each message on hold; "change" gives it another envelope sender and one more recipient.
"""
import sys

import Milter


class Other(Milter.Base):
    def eom(self):
        if sys.argv[2] == "quarantine":
            self.quarantine("a filter of somebody else")
        else:
            self.chgfrom("<cleo@contoso.example>")
            self.addrcpt("<added@adatum.example>")
        return Milter.ACCEPT


Milter.factory = Other
Milter.set_flags(Milter.QUARANTINE + Milter.CHGFROM + Milter.ADDRCPT)
Milter.runmilter("other", sys.argv[1], 240)
