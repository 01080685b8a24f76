"""environment.py: for each scenario a runtime in a directory of its own, a cluster without a node yet, and a handle on the
observer that watches it. Both are gone afterwards, however it ends."""
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))
sys.path[:0] = [os.path.join(TOP, "protocol", "python"), os.path.join(TOP, "tools", "examples", "etcd")]
import vedette  # noqa: E402
import etcd_cluster  # noqa: E402

CONFIG = """[observers.raft]
interval = "100ms"

[observers.host]
enabled = false

[observers.services]
enabled = false
"""


def run(context, *arguments):
    subprocess.run([context.vedette, "--dir", context.directory, *arguments], check=True, capture_output=True, timeout=60)


def before_scenario(context, _):
    context.vedette = os.environ.get("VEDETTE") or shutil.which("vedette")
    context.folder = tempfile.mkdtemp(prefix="vd-", dir="/tmp")
    context.directory = os.path.join(context.folder, "d")
    context.cluster = etcd_cluster.Cluster(os.path.join(context.folder, "etcd"), 0)
    config = os.path.join(context.folder, "vedette.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG)
    run(context, "up", "--config", config, "--detach", "--wait")
    context.client = vedette.Client(context.directory)
    context.handle = vedette.Handle(context.client, "raft")


def after_scenario(context, _):
    context.handle.close()
    context.client.close()
    context.cluster.close()
    run(context, "down")
    shutil.rmtree(context.folder, ignore_errors=True)
