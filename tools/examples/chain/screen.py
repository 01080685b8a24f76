"""screen.py: what is shown of a chain: events in a line each, heads and balances as tables; the same when it is piped."""
import threading

UNIT = 1000000  # the smallest units in one coin
SHORT = 8


def short(block):
    return block[:SHORT]


def amount(value):
    return "-" if value is None else f"{value // UNIT:,}.{value % UNIT:06d}"


class Screen:
    def __init__(self):
        self.lock = threading.Lock()
        self.height, self.children = {}, {}

    def say(self, *lines):
        with self.lock:
            print(*lines, sep="\n", flush=True)

    def heading(self, text):
        self.say("", text)

    def name(self, block):
        """A block as it is shown: the beginning of its id and its height."""
        return f"{short(block)} ({self.height.get(block, '?')})"

    # ---- events ----

    def heard(self, event):
        line = getattr(self, "on_" + event["type"], lambda data: None)(event["data"])
        if line:
            self.say(f"  {event['ts'][11:]}  {event['seq']:>5}  {line}")

    def on_block_discovered(self, data):
        self.height[data["id"]] = data["height"]
        others = self.children.setdefault(data["parent"], [])
        others.append(data["id"])
        if len(others) == 1:
            return None
        return (f"fork     {' and '.join(short(block) for block in others)}, both at height {data['height']}, "
                f"on {short(data['parent'])}")

    def on_reorg(self, data):
        return (f"reorg    {data['node']} goes from {self.name(data['from'])} to {self.name(data['to'])}: depth "
                f"{data['depth']}, fork point {self.name(data['fork_point'])}, "
                f"{len(data['removed'])} removed, {len(data['added'])} added")

    def on_node_lagging(self, data):
        return f"lagging  {data['node']} is {data['behind']} blocks behind {data['best']}"

    def on_node_caught_up(self, data):
        return f"lagging  {data['node']} has caught up at {data['height']}"

    def on_node_refused(self, data):
        return f"refused  {data['node']}, block {short(data['block'])}: {data['reason']}"

    def on_divergence(self, data):
        return f"diverged {' and '.join(data['nodes'])} call different blocks final"

    # ---- tables ----

    def heads(self, rows):
        """One row for each block that is the head of nodes, the highest first: {id: (height, [name of a node])}."""
        self.say("  heads", *(f"    {short(block)} ({height})  {' '.join(names)}"
                              for block, (height, names) in sorted(rows.items(), key=lambda row: -row[1][0])))

    def balances(self, wallets, rows):
        """[(block, {wallet: balance})], as the observer counts them on each branch."""
        lines = ["  balances at     " + "".join(f"{wallet:>20}" for wallet in wallets)]
        for block, values in rows:
            cells = "".join(f"{amount(values.get(wallet)):>20}" for wallet in wallets)
            lines.append(f"    {self.name(block):<14}{cells}")
        self.say(*lines)

    def compared(self, wallet, node, own, observed):
        verdict = "agree" if own == observed else "DISAGREE"
        self.say(f"    {wallet}, at {node}:".ljust(18) + f"by itself {amount(own)}, by the observer {amount(observed)}: {verdict}")
