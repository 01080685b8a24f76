#!/usr/bin/python3
"""seeds_hold.py DIR: the fuzz targets in DIR hold for every seed: what has once been found stays mended where its input is one."""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import seeds  # noqa: E402


def main():
    programs = {name[5:]: os.path.join(sys.argv[1], name) for name in sorted(os.listdir(sys.argv[1]))
                if name.startswith("fuzz_") and os.access(os.path.join(sys.argv[1], name), os.X_OK)}
    if sorted(programs) != sorted(seeds.rows()):
        sys.exit(f"programs {sorted(programs)} and seeds {sorted(seeds.rows())} are not of the same targets")
    with tempfile.TemporaryDirectory() as folder:
        seeds.write(folder)
        for name, program in programs.items():
            inputs = sorted(os.scandir(os.path.join(folder, name)), key=lambda entry: entry.name)
            code = subprocess.run([program, *[entry.path for entry in inputs]], check=False).returncode
            if code != 0:
                sys.exit(f"{name}: {program} ended with {code} in one of the seeds of tests/fuzz/seeds.py")
            print(f"{name}: {len(inputs)} inputs hold")


if __name__ == "__main__":
    main()
