"""outages.py: the outages of services, found by a naive scan over their events."""
from datetime import datetime


def ms_of(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


class Scan:
    """What follows from the events of `services`, found without any of the runtime: the events, and the components."""

    def __init__(self, events):
        self.told, self.components = [], {}
        for event in events:
            if event.type in ("service_appeared", "service_gone"):
                self.take(event)

    def take(self, event):
        data, at = event.data, event.ts
        address = f"[{data['address']}]" if ":" in data["address"] else data["address"]
        name = f"service/{data['source']}/{data['protocol']}/{address}:{data['port']}"
        up = event.type == "service_appeared"
        one = self.components.get(name)
        if one is None:
            one = {"name": name, "up": True, "since": at, "outages": 0, "longest_ms": 0, "downtime_ms": 0}
            self.components[name] = one
            self.tell(event, "component_found", {"component": name, "at": at})
        if up and not one["up"]:
            duration = ms_of(at) - ms_of(one["since"])
            self.tell(event, "outage_ended", {"component": name, "at": at, "began": one["since"], "duration_ms": duration})
            one.update(up=True, since=at, downtime_ms=one["downtime_ms"] + duration,
                       longest_ms=max(one["longest_ms"], duration))
        elif not up and one["up"]:
            self.tell(event, "outage_began", {"component": name, "at": at, "reason": event.type})
            one.update(up=False, since=at, outages=one["outages"] + 1)

    def tell(self, event, kind, data):
        self.told.append((event.session, event.seq, kind, data))


def told(events):
    """What the collector wrote, in the form of Scan.told."""
    for event in events:
        assert event.cause["source"] == "services", event
    return [(event.cause["session"], event.cause["sample"], event.type, event.data) for event in events]
