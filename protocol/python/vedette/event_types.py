"""The catalogue of event types. Made by `vd-catalogue --events-python`; do not edit.

{type: {field: (kind, required, words of a choice)}}
"""

EVENTS = {
    "session_started": {
        "name": ("text", False, ""),
        "command": ("text", False, ""),
        "labels": ("map", False, ""),
        "owner": ("bool", False, ""),
        "continues": ("text", False, ""),
    },
    "session_ended": {
        "status": ("choice", True, "completed|failed"),
        "text": ("text", False, ""),
        "error": ("text", False, ""),
        "exit": ("count", False, ""),
        "signal": ("count", False, ""),
        "duration_ms": ("count", False, ""),
        "continued_by": ("text", False, ""),
    },
    "session_status": {
        "text": ("text", False, ""),
        "snapshot": ("map", False, ""),
    },
    "output": {
        "stream": ("choice", True, "stdout|stderr"),
        "text": ("text", True, ""),
        "cut": ("count", False, ""),
        "unended": ("bool", False, ""),
        "raw": ("bytes", False, ""),
    },
    "output_lost": {
        "lines": ("count", True, ""),
        "text": ("text", False, ""),
    },
    "event_refused": {
        "error": ("text", True, ""),
        "text": ("text", True, ""),
        "cut": ("count", False, ""),
    },
    "actor_started": {
        "actor": ("text", True, ""),
        "kind": ("text", True, ""),
        "pid": ("count", True, ""),
        "restarts": ("count", True, ""),
    },
    "actor_ready": {
        "actor": ("text", True, ""),
        "pid": ("count", True, ""),
    },
    "actor_exited": {
        "actor": ("text", True, ""),
        "pid": ("count", True, ""),
        "how": ("choice", True, "exited|killed|dumped|not_executed|not_started"),
        "code": ("count", False, ""),
        "signal": ("count", False, ""),
        "error": ("count", False, ""),
        "text": ("text", False, ""),
    },
    "actor_failed": {
        "actor": ("text", True, ""),
        "reason": ("text", True, ""),
    },
    "ingest_interrupted": {
        "from": ("time", True, ""),
        "to": ("time", True, ""),
        "text": ("text", True, ""),
    },
    "subscriber_mode": {
        "name": ("text", True, ""),
        "from": ("choice", True, "live_only|commits_only|overlap|paused"),
        "to": ("choice", True, "live_only|commits_only|overlap|paused"),
        "lag": ("count", True, ""),
        "queue": ("count", True, ""),
        "publisher": ("text", False, ""),
        "left_out": ("count", False, ""),
    },
    "subscriber_dropped": {
        "name": ("text", True, ""),
        "reason": ("choice", True, "silent|too_slow|kicked"),
        "text": ("text", True, ""),
        "publisher": ("text", False, ""),
        "left_out": ("count", False, ""),
    },
    "observer_state": {
        "observer": ("text", True, ""),
        "kind": ("text", False, ""),
        "version": ("count", False, ""),
        "part": ("count", True, ""),
        "parts": ("count", True, ""),
        "state": ("bytes", True, ""),
    },
    "plan_constructed": {
        "nodes": ("count", True, ""),
        "levels": ("count", False, ""),
        "skipped": ("count", False, ""),
    },
    "descendant_check_started": {
        "node": ("text", True, ""),
        "descendants": ("count", False, ""),
    },
    "descendant_check_passed": {
        "node": ("text", True, ""),
        "descendants": ("count", False, ""),
        "duration_ms": ("count", False, ""),
    },
    "descendant_check_failed": {
        "node": ("text", True, ""),
        "error": ("text", True, ""),
        "missing": ("list", False, ""),
        "duration_ms": ("count", False, ""),
    },
    "node_skipped": {
        "node": ("text", True, ""),
        "reason": ("text", True, ""),
    },
    "generation_started": {
        "nodes": ("count", False, ""),
        "levels": ("count", False, ""),
    },
    "generation_completed": {
        "duration_ms": ("count", True, ""),
        "generated": ("count", False, ""),
        "skipped": ("count", False, ""),
        "failed": ("count", False, ""),
    },
    "generation_failed": {
        "error": ("text", True, ""),
        "duration_ms": ("count", False, ""),
    },
    "level_started": {
        "level": ("count", True, ""),
        "nodes": ("count", False, ""),
    },
    "level_completed": {
        "level": ("count", True, ""),
        "generated": ("count", False, ""),
        "failed": ("count", False, ""),
        "duration_ms": ("count", False, ""),
    },
    "node_generation_started": {
        "node": ("text", True, ""),
        "level": ("count", False, ""),
        "attempt": ("count", False, ""),
    },
    "node_generation_completed": {
        "node": ("text", True, ""),
        "duration_ms": ("count", True, ""),
        "size_bytes": ("count", False, ""),
    },
    "node_generation_failed": {
        "node": ("text", True, ""),
        "error": ("text", True, ""),
        "attempt": ("count", False, ""),
        "duration_ms": ("count", False, ""),
    },
    "request_enqueued": {
        "request": ("text", True, ""),
        "node": ("text", False, ""),
        "priority": ("number", False, ""),
        "pending": ("count", False, ""),
    },
    "request_deduplicated": {
        "request": ("text", True, ""),
        "joined": ("text", False, ""),
    },
    "request_processing": {
        "request": ("text", True, ""),
        "waited_ms": ("count", False, ""),
    },
    "queue_stats": {
        "pending": ("count", True, ""),
        "processing": ("count", True, ""),
        "completed": ("count", False, ""),
        "failed": ("count", False, ""),
        "deduplicated": ("count", False, ""),
    },
    "provider_request_sent": {
        "provider": ("text", True, ""),
        "request": ("text", True, ""),
        "attempt": ("count", False, ""),
        "size_bytes": ("count", False, ""),
    },
    "provider_response_received": {
        "provider": ("text", True, ""),
        "request": ("text", True, ""),
        "duration_ms": ("count", True, ""),
        "size_bytes": ("count", False, ""),
    },
    "provider_request_failed": {
        "provider": ("text", True, ""),
        "request": ("text", True, ""),
        "error": ("text", True, ""),
        "attempt": ("count", False, ""),
        "duration_ms": ("count", False, ""),
    },
    "provider_request_retrying": {
        "provider": ("text", True, ""),
        "request": ("text", True, ""),
        "attempt": ("count", True, ""),
        "delay_ms": ("count", False, ""),
        "error": ("text", False, ""),
    },
    "scan_started": {
        "path": ("text", True, ""),
    },
    "scan_progress": {
        "scanned": ("count", True, ""),
        "total": ("count", False, ""),
    },
    "scan_completed": {
        "scanned": ("count", True, ""),
        "duration_ms": ("count", True, ""),
        "changed": ("count", False, ""),
    },
    "watch_started": {
        "path": ("text", True, ""),
    },
    "file_changed": {
        "path": ("text", True, ""),
        "change": ("choice", True, "created|modified|removed|renamed"),
        "previous": ("text", False, ""),
    },
    "batch_processed": {
        "changes": ("count", True, ""),
        "duration_ms": ("count", False, ""),
        "failed": ("count", False, ""),
    },
}
