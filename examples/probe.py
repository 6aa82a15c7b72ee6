#!/usr/bin/env python3
"""Requests a second and requests in flight of each block device: xctl run --probe examples/probe.py"""
import json
import os
import time

INTERVAL_S = int(os.environ.get("XCTL_INTERVAL_MS", "1000")) / 1000


def diskstats():
    """Device -> (requests completed, requests in flight); Documentation/admin-guide/iostats.rst."""
    devices = {}
    with open("/proc/diskstats") as lines:
        for line in lines:
            fields = line.split()
            devices[fields[2]] = (int(fields[3]) + int(fields[7]), int(fields[11]))
    return devices


def emit(event_type, device, value):
    event = {"ts": time.time_ns() // 1_000_000, "event_type": event_type, "entity_id": device, "value": str(value)}
    print(json.dumps(event), flush=True)


before, before_s = diskstats(), time.monotonic()
while True:
    time.sleep(INTERVAL_S)
    after, after_s = diskstats(), time.monotonic()
    for device, (completed, in_flight) in after.items():
        done = completed - before.get(device, (completed, 0))[0]
        emit("storage.iops", device, round(done / (after_s - before_s), 1))
        emit("storage.qdepth", device, in_flight)
    before, before_s = after, after_s
