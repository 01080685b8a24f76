#!/usr/bin/python3
"""layering.py: who may include whom: protocol <- actors/kit <- {broker, actors/*, observers}; tools stand on protocol and kit.

An observer's own folder stands on observers/*.h, the shared host in observers/host and the kits that some of them share
besides, on no other observer. A kit stands on observers/*.h. What measures the kits (tools/benchmarks) stands on them too.
"""
import os
import re

import tree

OBSERVER_KITS = {"observers/json", "observers/chainkit"}
ROOTS = ("protocol", "actors", "observers", "tools", "")


def layer(path):
    """The layer of a file: protocol, kit, broker, actors/<x>, observers, observers/<x>, tools, tools/benchmarks, tests or top."""
    parts = path.split("/")
    if len(parts) == 1:
        return "top"
    if parts[0] in ("actors", "observers") and len(parts) > 2:
        return "kit" if parts[1] == "kit" else "/".join(parts[:2])
    return "tools/benchmarks" if parts[:2] == ["tools", "benchmarks"] else parts[0]


def allowed(layer_name):
    below = {"protocol": set(), "kit": {"protocol"}}.get(layer_name, {"protocol", "kit"})
    if layer_name in OBSERVER_KITS:
        below = below | {"observers", "observers/json"}
    elif layer_name == "tools/benchmarks":
        below = below | OBSERVER_KITS
    elif layer_name.startswith("observers/"):
        below = below | {"observers", "observers/host"} | OBSERVER_KITS
    return below | {layer_name}


def resolve(path, name, known):
    """Where the compiler would find it: beside the file, then along the include paths."""
    places = [os.path.join(os.path.dirname(path), name)]
    places += [os.path.join(root, name) for root in ROOTS]
    owner = path.split("/")
    places += ["/".join(owner[:depth]) + "/" + name for depth in range(len(owner) - 1, 0, -1)]
    for place in (os.path.normpath(place) for place in places):
        if place in known:
            return place
    return None


def main():
    known = set(tree.files())
    found = []
    for path in tree.files("*.c", "*.h", "*.cpp", "*.def"):
        own = layer(path)
        if own in ("tests", "top"):
            continue
        for number, line in tree.lines(path):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            target = resolve(path, match.group(1), known)
            if target is None:
                found.append(f"{path}:{number}: \"{match.group(1)}\" is not in the tree")
            elif layer(target) not in allowed(own):
                found.append(f"{path}:{number}: {own} may not include {target}; what both need stands in protocol or actors/kit")
    tree.report(found)


main()
