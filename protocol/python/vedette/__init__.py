"""A client of the Vedette observation runtime, on python3-zmq and python3-msgpack.

    import vedette

    client = vedette.Client()                      # VEDETTE_DIR or the user's default
    for event in client.follow(start="now"):       # the newest active session
        print(event.seq, event.type, event.data)

    with client.producer("my-script") as producer:
        session, seq = producer.emit("job_done", {"took_s": 3}, session="my-session")
"""

from .client import Client, default_run_dir
from .diff import diff
from .errors import Error, TimedOut, Unreachable
from .events import BadEvent
from .expression import Expression, ExpressionError
from .feed import Feed
from .follow import Follower
from .handle import Handle, run
from .modes import Knobs
from .position import Kicked, Missing, Position, Reset
from .producer import Producer
from .wire import Event, Malformed, new_session_id

__all__ = ["BadEvent", "Client", "Error", "Event", "Expression", "ExpressionError", "Feed", "Follower", "Handle", "Kicked", "Knobs",
           "Malformed", "Missing", "Position", "Producer", "Reset", "TimedOut", "Unreachable", "default_run_dir",
           "diff", "new_session_id", "run"]
