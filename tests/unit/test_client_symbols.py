#!/usr/bin/python3
"""test_client_symbols.py LIBRARY HEADER...: the library exports what its headers declare, and nothing else."""
import re
import subprocess
import sys

library, headers = sys.argv[1], sys.argv[2:]
listing = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True)
exported = {line.split()[2].split("@")[0] for line in listing.stdout.splitlines() if " A " not in line}
declared = set()
for header in headers:
    with open(header, encoding="utf-8") as file:
        declared |= set(re.findall(r"\bVD_API\b[^;(]*?\b(vd_\w+)\(", file.read()))
assert len(declared) > 25, declared
if exported != declared:
    print("exported and not declared:", sorted(exported - declared))
    print("declared and not exported:", sorted(declared - exported))
    sys.exit(1)
