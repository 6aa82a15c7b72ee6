#!/usr/bin/env python3
"""An invented job on two GPUs, one rank of which waits for the network: xctl run --probe examples/dummy.py

The pids are above Linux's largest (4194304), so that they are nobody's.
"""
import itertools
import json
import math
import os
import time

INTERVAL_S = int(os.environ.get("XCTL_INTERVAL_MS", "1000")) / 1000
JOB = "dummy-job"


def emit(event_type, entity_id, value, **more):
    event = {"ts": time.time_ns() // 1_000_000, "event_type": event_type, "entity_id": entity_id, "value": value}
    print(json.dumps(event | more), flush=True)


RANKS = {rank: {"pid": 4_300_101 + rank, "job_id": JOB} for rank in range(2)}
for rank, who in RANKS.items():
    attrs = {"comm": "train.py", "rank": rank, "world_size": len(RANKS)}
    emit("process.state", f"pid-{who['pid']}", "start", attrs=attrs, **who)
    emit("intent.run", JOB, "dummy", **who)

for tick in itertools.count():
    for rank, who in RANKS.items():
        util = 85 + 10 * math.sin(tick / 5 + rank)
        emit("compute.util", f"gpu-{rank:02}", f"{util:.0f}", **who)
    if tick % 40 >= 20:
        emit("transport.bw", "eth0", "IO_WAIT", **RANKS[1])
    if tick % 120 == 119:
        emit("error.hw", "gpu-01", "XID_79")
    time.sleep(INTERVAL_S)
