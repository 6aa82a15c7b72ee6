#!/bin/sh
# Network interfaces that are up but have no carrier: xctl run --probe examples/probe.sh
# An error lives five minutes after it was last told, so it is told again for as long as it lasts.

interval_ms=${XCTL_INTERVAL_MS:-1000}
interval_s=$(((interval_ms + 999) / 1000))

while :; do
  for link in /sys/class/net/*; do
    # Reading the carrier of an interface that was not brought up is an error: that one is down on purpose.
    carrier=$(cat "$link/carrier" 2>/dev/null) || continue
    if [ "$carrier" = 0 ]; then
      printf '{"ts":%s000,"event_type":"topo.link_down","entity_id":"%s","value":"no carrier"}\n' \
        "$(date +%s)" "${link##*/}"
    fi
  done
  sleep "$interval_s"
done
