#!/usr/bin/python3
"""purity.py: a pure core includes no header of sockets, clocks, files or threads, and calls none of their functions."""
import fnmatch
import re

import tree

HEADERS = re.compile(r"""^\s*\#\s*include\s+[<"](unistd|time|pthread|threads|signal|fcntl|poll|dirent|stdio_ext|zmq|czmq|
                     zmq_utils|leveldb/c|curl/curl|sys/(?!types)[a-z_]+|netinet/\w+|arpa/\w+)\.h[>"]""", re.X)
CALLS = re.compile(r"\b(clock_gettime|gettimeofday|time|sleep|usleep|nanosleep|getenv|fopen|open|read|write|socket|"
                   r"rand|random|srand|getpid|pthread_\w+|zclock_\w+|zsys_\w+)\s*\(")
# A member called read or time is not the function, nor is a declaration: a type stands before it.
NOT_A_CALL = re.compile(r"(\.|->|\b(?!return\b|else\b)[A-Za-z_]\w*\s+\*?)$")


def pure_files():
    rows = [row[0] for row in tree.rows("pure.txt")]
    out = [row[1:] for row in rows if row.startswith("!")]
    wanted = [row for row in rows if not row.startswith("!")]
    return [path for path in tree.files(*wanted)
            if path.endswith((".c", ".h", ".def")) and not path.startswith("tests/")
            and not any(fnmatch.fnmatchcase(path, pattern) for pattern in out)]


def main():
    found = []
    for path in pure_files():
        source = tree.text(path)
        bare = tree.without_comments(source).splitlines()
        for number, (line, code) in enumerate(zip(source.splitlines(), bare), 1):
            if HEADERS.match(line):
                found.append(f"{path}:{number}: {line.strip()}: a pure core takes this as an input or an effect")
            match = CALLS.search(code)
            if match and not NOT_A_CALL.search(code[:match.start()]):
                found.append(f"{path}:{number}: calls {match.group(1)}(): a pure core takes this as an input or an effect")
    tree.report(found)


main()
