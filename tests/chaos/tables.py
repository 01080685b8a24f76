"""tables.py: what the faults of a run were and how they ended, counted and as text. Pure: knows no clock, file or process.

A record is a map with "phase", "number", "fault", "target" and what `vedette chaos run -o ndjson` says besides; "by" tells
whose number it is.
"""
LOWEST = 10  # so many of the lowest rates are told with their times
PHASES = ("injected", "proved", "undone", "recovered")


def percentile(values, share):
    """The smallest value that at least `share` of them do not exceed; None of none."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * share // 100) - 1)] if ranked else None


def figure(value):
    return "-" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def grid(rows):
    """Rows of text in columns: the first one to the left, the others to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    text = ["  ".join(word.ljust(width) if at == 0 else word.rjust(width)
                      for at, (word, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
    return "\n".join(text) + "\n"


class Row:
    """One fault."""

    def __init__(self, record, line):
        self.fault, self.target, self.line = record["fault"], record.get("target", ""), line
        self.at_s, self.text, self.failed = {}, {}, None
        self.detected_ms = self.recovered_ms = None

    def take(self, record, at_s):
        phase = record["phase"]
        self.at_s.setdefault(phase, at_s)
        self.text[phase] = record.get("text") or ""
        if phase == "failed":
            self.failed = record.get("text") or "no reason was given"
        for name in ("detected_ms", "recovered_ms"):
            if record.get(name) is not None:
                setattr(self, name, float(record[name]))

    @property
    def missing(self):
        """The phases that never came."""
        return [phase for phase in PHASES if phase not in self.at_s]

    @property
    def good(self):
        return self.failed is None and not self.missing

    def problem(self):
        why = self.failed if self.failed is not None else f"never {', '.join(self.missing)}"
        return f"line {self.line}: {self.fault} {self.target}: {why}"


class Faults:
    """All faults of a run."""

    def __init__(self):
        self.rows, self.found = [], {}

    def take(self, record, line, at_s):
        """A record as it comes, `at_s` seconds from the beginning of the run."""
        key = (record.get("by", ""), record["number"])
        if key not in self.found:
            self.found[key] = Row(record, line)
            self.rows.append(self.found[key])
        self.found[key].take(record, at_s)

    def kills(self):
        return sum(row.fault == "kill" and "proved" in row.at_s for row in self.rows)

    def problems(self):
        return [row.problem() for row in self.rows if not row.good]

    def recovery(self):
        """Per actor: kills, and how long it took until they were seen and made good."""
        head = ["actor", "kills", "detected p50", "p99", "max ms", "recovered p50", "p99", "max ms"]
        victims = {}
        for row in self.rows:
            if row.fault == "kill" and "proved" in row.at_s:
                victims.setdefault(row.target, []).append(row)
        return [head] + [self._recovery_row(name, rows) for name, rows in sorted(victims.items())] + [
            self._recovery_row("all", [row for rows in victims.values() for row in rows])]

    @staticmethod
    def _recovery_row(name, rows):
        figures = []
        for what in ("detected_ms", "recovered_ms"):
            values = [getattr(row, what) for row in rows if getattr(row, what) is not None]
            figures += [figure(percentile(values, share)) for share in (50, 99, 100)]
        return [name, str(len(rows)), *figures]

    def kinds(self):
        """Per kind of fault: how often, how many came through each phase, and how long it took to prove and to recover."""
        table = [["fault", "times", "proved", "undone", "recovered", "failed", "to proof p50", "max ms", "to recovery p50", "max ms"]]
        kinds = {}
        for row in self.rows:
            kinds.setdefault(row.fault, []).append(row)
        for name, rows in sorted(kinds.items()):
            counts = [str(sum(phase in row.at_s for row in rows)) for phase in PHASES[1:]]
            proof, recovery = (_spans(rows, "injected", "proved"), _spans(rows, "undone", "recovered"))
            table.append([name, str(len(rows)), *counts, str(sum(row.failed is not None for row in rows)),
                          figure(percentile(proof, 50)), figure(percentile(proof, 100)),
                          figure(percentile(recovery, 50)), figure(percentile(recovery, 100))])
        return table


def _spans(rows, begin, end):
    return [(row.at_s[end] - row.at_s[begin]) * 1000 for row in rows if begin in row.at_s and end in row.at_s]


class Rates:
    """The rate over a run: samples of (seconds, events per second), and the spans that are no recovery windows."""

    def __init__(self, wanted):
        self.wanted, self.samples, self.spans, self.begun = wanted, [], [], None

    def sample(self, at_s, rate):
        self.samples.append((at_s, rate))

    def outside(self, at_s):
        """From now on nothing is wrong, and the rate is there."""
        self.begun = at_s

    def inside(self, at_s):
        """Something is about to go wrong."""
        if self.begun is not None:
            self.spans.append((self.begun, at_s))
        self.begun = None

    def summary(self, took_s):
        spans = self.spans + ([(self.begun, took_s)] if self.begun is not None else [])
        found, at = [], 0
        for when, rate in self.samples:
            while at < len(spans) and spans[at][1] < when:
                at += 1
            if at < len(spans) and spans[at][0] <= when:
                found.append((when, rate))
        rates = [rate for _, rate in found]
        out_s = sum(end - begin for begin, end in spans)
        every = [rate for _, rate in self.samples]
        return {"wanted": self.wanted, "windows": len(spans), "outside_s": out_s, "took_s": took_s,
                "outside_share": out_s / took_s if took_s else 0.0, "samples": len(rates),
                "mean": sum(rates) / len(rates) if rates else 0.0, "min": min(rates, default=0.0),
                "below_share": sum(rate < self.wanted for rate in rates) / len(rates) if rates else 0.0,
                "lowest": sorted(found, key=lambda sample: sample[1])[:LOWEST],
                "mean_of_all": sum(every) / len(every) if every else 0.0}
