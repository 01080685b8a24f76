#!/usr/bin/python3
"""tally.py: reads a JUnit file of ctest; prints what failed with the end of its output, then "PASSED FAILED SKIPPED"."""
import sys
import xml.etree.ElementTree as ET

OUTPUT_LINES_MAX = 60


def main():
    passed = failed = skipped = 0
    for case in ET.parse(sys.argv[1]).getroot().iter("testcase"):
        status = case.get("status")
        if status == "run":
            passed += 1
            continue
        reason = case.find("skipped")
        reason = reason.get("message") if reason is not None else status
        # A test that could not be started is "notrun" too, and is a failure.
        if status == "disabled" or (status == "notrun" and reason.startswith("SKIP_")):
            skipped += 1
            output = (case.findtext("system-out") or "").strip().splitlines()
            print(f"    skipped {case.get('name')}: {output[-1] if output else reason}")
            continue
        failed += 1
        output = (case.findtext("system-out") or "").rstrip().splitlines()
        print(f"    failed  {case.get('name')} after {float(case.get('time') or 0):.1f} s")
        for line in output[-OUTPUT_LINES_MAX:]:
            print(f"        {line}")
    print(passed, failed, skipped)


main()
