"""run_oracle.py: the oracle, with some of its parts behind links that can be disturbed."""
from book import glance
from oracle import PRODUCERS, Oracle

# What a part reaches through which link; all others go directly.
LINKED = {"single": "emit", "python-1": "emit", "live": "read", "python": "read"}
WITNESS = {"emit": "single", "read": "live"}  # whose book shows that a link is well


class LinkedOracle(Oracle):
    """`links`: by name; a part on one of them finds the port `ports`[name] at its near end."""

    def __init__(self, home, seed, links, ports):
        super().__init__(home, seed)
        self.near = {name: f"VEDETTE_ENDPOINTS={ports[name]}={link.listen}" for name, link in links.items() if name in ports}

    def begin(self, part, *command):
        """Starts a part, or starts it again."""
        name = LINKED.get(part)
        already = command[:1] == ("/usr/bin/env",)
        super().begin(part, *(("/usr/bin/env", self.near[name]) if name in self.near and not already else ()), *command)

    def passed(self, name):
        """How many events have gone through the link, there and, as receipts, back; None where no part's book would
        show it. What is only written down may still wait for the link to come back to life."""
        if name not in WITNESS:
            return None
        count, committed, rejected = glance(self.book(WITNESS[name]))
        return committed + rejected if WITNESS[name] in PRODUCERS else count
