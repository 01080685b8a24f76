"""miner.py: a miner that forks a chain on purpose, pays wallets on the branches, and looks at what was made of it.

On branches and after each round, when all nodes have one head again, what each wallet says that it has is compared with
what the observer counts at the head of that wallet's node.
"""
import itertools
import random
import time

import hsd_net
from hsd_install import HsdError
from screen import amount

AGREE_S = 60.0
SETTLE_S = 40.0
DEPTH_MAX = 8
PAID = 1234567


class Miner:
    def __init__(self, net, wallets, runtime, screen, seed, pace_s):
        self.net, self.wallets, self.runtime, self.screen, self.pace_s = net, wallets, runtime, screen, pace_s
        self.random = random.Random(seed)
        self.forced = self.agreed = 0
        self.wrong = []  # what was not as it has to be
        self.depth = 0

    # ---- what is shown, and compared ----

    def pause(self, share=1.0):
        """So that one can follow it."""
        time.sleep(self.pace_s * share)

    def settle(self):
        """Until each wallet has followed its node to where that is."""
        for wallet in self.wallets.values():
            hsd_net.wait_until(f"{wallet.name} follows {wallet.node.name}",
                               lambda w=wallet: w.height() == w.node.head()[1], SETTLE_S)

    def show(self):
        """The heads, what the observer counts at each of them, and what the wallets say, each at the head of its node."""
        self.settle()
        rows = {}
        for name, (block, height) in sorted(self.net.heads().items()):
            rows.setdefault(block, (height, []))[1].append(name)
        deadline, agree = time.monotonic() + AGREE_S, False
        while not agree and time.monotonic() < deadline:
            own = {name: (wallet.node.head()[0], wallet.confirmed()) for name, wallet in self.wallets.items()}
            counted = {block: self.count(block) for block in rows}
            agree = all(counted[block].get(name) == value for name, (block, value) in own.items())
        self.screen.heads(rows)
        self.screen.balances(list(self.wallets), [(block, counted[block]) for block in sorted(
            rows, key=lambda block: -rows[block][0])])
        for name, (block, value) in own.items():
            self.compare(name, block, value, counted[block].get(name))

    def count(self, block):
        """What the observer counts at a block; nothing when it has not got it yet."""
        answer = self.runtime.ask("query", "wallet", "balances", block)
        return answer["balances"] or {} if answer else {}

    def compare(self, name, block, own, observed):
        self.screen.compared(name, self.wallets[name].node.name, own, observed)
        if own == observed:
            self.agreed += 1
        else:
            self.wrong.append(f"{name} says that it has {own} at {block}, the observer counts {observed}")

    def expect_reorg(self, node, depth, left):
        """The reorganization that was forced is told, from the head that the node had and with its depth."""
        def told():
            return [data for data in self.runtime.of("reorg") if data["node"] == node and data["from"] == left]
        try:
            found = hsd_net.wait_until("", told, AGREE_S)
        except HsdError:
            found = []
        if [data["depth"] for data in found] != [depth]:
            self.wrong.append(f"{node} left {left} with a reorganization of depth {depth}, told: {found}")
        self.forced += 1

    # ---- rounds ----

    def someone(self):
        """An address of one of the wallets, or of nobody."""
        wallet = self.random.choice([*self.wallets.values(), None])
        return wallet.address() if wallet else hsd_net.NOBODY

    def everybody_mines(self):
        """Nodes that mine at the same time fork by themselves."""
        self.screen.heading("All nodes mine at once")
        for _ in range(4):
            for node in self.random.sample(list(self.net.nodes.values()), len(self.net.nodes)):
                node.mine(1, self.someone())
        self.net.nodes["n1"].mine(2)

    def one_is_cut_off(self):
        """A wallet is paid on each of two branches; one of them is given up."""
        self.depth = self.depth % DEPTH_MAX + 1
        name = self.random.choice(sorted(self.net.nodes))
        first, second = self.random.sample(sorted(self.wallets), 2)
        self.screen.heading(f"{name} is cut off: it mines {self.depth} for {first}, the others "
                            f"{self.depth + 1} for {second}")
        self.net.cut(name)
        alone = self.net.nodes[name]
        other = next(node for node in self.net.nodes.values() if node is not alone)
        self.pay_on(alone)
        own = alone.mine(self.depth, self.wallets[first].address())
        other.mine(self.depth + 1, self.wallets[second].address())
        hsd_net.wait_until("the others have one head", lambda: len(set(self.net.heads().values())) == 2, SETTLE_S)
        self.show()
        self.pause(0.5)
        self.screen.say(f"  {name} is joined again")
        self.net.join()
        self.net.wait_same(SETTLE_S)
        self.expect_reorg(name, self.depth, own[-1])

    def pay_on(self, node):
        """If a wallet lives at this node, it pays the other: that is in this branch first, and later in the other one."""
        for name, wallet in self.wallets.items():
            payee = next(other for other in self.wallets.values() if other is not wallet)
            if wallet.node is node:
                wallet.pay(payee.address(), PAID)
                self.screen.say(f"  {name} pays {payee.name} {amount(PAID)} on this branch")

    def one_pays(self):
        payer, payee = self.random.sample(list(self.wallets.values()), 2)
        self.screen.heading(f"{payer.name} pays {payee.name} {amount(PAID)}")
        payer.pay(payee.address(), PAID)
        payer.node.mine(1)

    def begin(self):
        """Both wallets have money of age."""
        for wallet in self.wallets.values():
            wallet.node.mine(4, wallet.address())
            self.net.wait_same(SETTLE_S)
        self.net.nodes["n1"].mine(3)
        self.end_round()

    def end_round(self):
        self.net.wait_same(SETTLE_S)
        self.show()
        self.pause()

    def rounds(self, more):
        """Round after round while `more` says so, at least one."""
        self.begin()
        for act in itertools.cycle((self.one_is_cut_off, self.everybody_mines, self.one_is_cut_off, self.one_pays)):
            act()
            self.end_round()
            if not more():
                return
