/**
 * Writes docs/grafana-dashboard.json out of the catalogue of metrics, so that a figure that a probe tells is on the
 * dashboard without being drawn by hand: `node scripts/grafana.ts >docs/grafana-dashboard.json`.
 */
import { dashboard } from "./dashboard.ts";

process.stdout.write(`${JSON.stringify(dashboard(), null, 2)}\n`);
