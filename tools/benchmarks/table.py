"""table.py: rows of figures as a table for people."""
import statistics


def row(name, figures, unit, target=None, raw=None, note=""):
    """One row: the median of `figures` (one for each round), its target, and the median of the raw limit."""
    figure = statistics.median(figures)
    limit = statistics.median(raw) if raw else None
    return {"name": name, "figure": figure, "min": min(figures), "max": max(figures), "rounds": len(figures), "unit": unit,
            "target": target, "raw": limit, "ratio": figure / limit if limit else None,
            "met": None if target is None else figure <= target, "note": note}


def ratio_row(name, figures, raw, unit, at_least=None, at_most=None, stretch=None, note=""):
    """A row whose target is its ratio to the raw limit: the median of the ratios of each round to that of the same round."""
    ratios = [figure / limit for figure, limit in zip(figures, raw)]
    ratio = statistics.median(ratios)
    made = row(name, figures, unit, raw=raw, note=note)
    made.update(ratio=ratio, ratio_min=min(ratios), ratio_max=max(ratios), target_ratio=at_least or at_most,
                target_is="at least" if at_least else "at most", stretch_ratio=stretch)
    if at_least:
        made["met"] = ratio >= at_least
    elif at_most:
        made["met"] = ratio <= at_most
    return made


def _target(item):
    if item.get("target_ratio"):
        sign = ">=" if item["target_is"] == "at least" else "<="
        stretch = f" ({item['stretch_ratio']:.2f})" if item.get("stretch_ratio") else ""
        return f"{sign} {item['target_ratio']:.2f} x{stretch}"
    return "" if item["target"] is None else "<= " + _number(item["target"], item["unit"])


def _number(value, unit):
    if value is None:
        return ""
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"


def show(rows):
    head = ("what", "median", "min .. max", "target", "", "raw limit", "ratio", "")
    lines = [head]
    for item in rows:
        met = {True: "met", False: "MISSED", None: ""}[item["met"]]
        lines.append((item["name"], _number(item["figure"], item["unit"]),
                      f"{item['min']:.4g} .. {item['max']:.4g}",
                      _target(item), met,
                      _number(item["raw"], item["unit"]), "" if item["ratio"] is None else f"{item['ratio']:.2f} x",
                      item["note"]))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
