#!/usr/bin/python3
"""test_links.py BUILD_DIR: the model runs the production cores and nothing of its own in their place.

Every core's step function is defined in one object of the production libraries, is linked into the model, and no object
of the model defines a symbol that a production library defines.
"""
import os
import subprocess
import sys

LIBRARIES = ["actors/ingestor/libvd_sequencer.a", "actors/ingestor/libvd_reading.a", "actors/ingestor/libvd_store_memory.a",
             "actors/supervisor/libvd_supervisor.a", "actors/poller/libvd_poller_core.a",
             "actors/provider/libvd_provider_core.a", "actors/libvd_kit.a", "broker/libvd_membership.a",
             "observers/libvd_observer_host.a", "actors/relay/libvd_relay_core.a",
             "actors/auditor/libvd_auditor_core.a", "protocol/libvd_emit.a", "protocol/libvd_feed.a",
             "protocol/libvd_stream.a", "protocol/libvd_core.a", "protocol/libvd_wire.a"]
STEPS = ["vd_sequencer_step", "vd_reading_step", "vd_publication_step", "vd_supervisor_step", "vd_child_step",
         "vd_membership_step", "vd_assign", "vd_provider_step", "vd_poller_step", "vd_host_step", "vd_replay_step", "vd_emit_step",
         "vd_feed_reader_step", "vd_feed_publish", "vd_publisher_step", "vd_subscriber_step", "vd_lease_step",
         "vd_reception_step", "vd_modes_look", "vd_recent_add", "vd_relay_step", "vd_auditor_step", "vd_kept_step", "vd_store_append"]


def symbols(path, *flags):
    done = subprocess.run(["nm", *flags, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[-1] for row in rows if len(row) >= 2 and row[-2] in "TDBR"}


def main(build):
    production = set()
    for name in LIBRARIES:
        production |= symbols(os.path.join(build, name), "--defined-only", "--extern-only")
    bad = [f"{step} is in no production library" for step in STEPS if step not in production]
    linked = symbols(os.path.join(build, "tests", "model"), "--defined-only")
    bad += [f"{step} is not linked into the model" for step in STEPS if step not in linked]
    own = os.path.join(build, "tests", "CMakeFiles")
    for folder in ("model.dir", "vd_model.dir"):
        for directory, _, files in os.walk(os.path.join(own, folder)):
            for name in files:
                if name.endswith(".o"):
                    both = symbols(os.path.join(directory, name), "--defined-only", "--extern-only") & production
                    bad += [f"{name} of the model defines {symbol}, which is production's" for symbol in sorted(both)]
    print("\n".join(bad) if bad else f"{len(STEPS)} step functions come from {len(LIBRARIES)} production libraries")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
