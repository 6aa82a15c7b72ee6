/** The documents of the contract as an agent gets them: each masked and bounded, with `left_out` beside what is shown. */
import { processId, readProcessId } from "../../model/entity.ts";
import type {
  DoctorDocument,
  EventsDocument,
  PsDocument,
  RootCause,
  WhyAllDocument,
  WhyDocument,
  WhyJobDocument,
} from "../../model/documents.ts";
import type { PsReply, StatusReply } from "./answers.ts";
import { affordable, ends, type Fitting } from "./fit.ts";

type Shown<T, Lists extends string> = T & { left_out: Record<Lists, number> };

type ShownPs = Shown<PsReply, "processes">;
type ShownEvents = Shown<EventsDocument, "events">;
type ShownWhy = Shown<WhyDocument, "hops" | "root_causes">;
type ShownWhyAll = Shown<WhyAllDocument, "groups" | "victims">;
type ShownWhyJob = Shown<WhyJobDocument, "ranks" | "root_causes">;

const MAX_CAUSES = 8;
const MAX_HOPS = 64;
const MAX_GROUPS = 32;
/** A job may have thousands of ranks; those that are stuck come first. */
const MAX_RANKS = 256;
/** Others are much alike. */
const MAX_VICTIMS = 16;
const MAX_BLIND_SPOTS = 16;
const MAX_PROBES = 64;

/** Where not all fit, those that have been blocked the longest stay. */
export function shownPs({ processes, now_ms, stale_resources }: PsReply, limit: number, fitting: Fitting): ShownPs {
  const chosen = affordable(longestBlocked(processes, limit));
  return fitting.fit(chosen, Math.max(chosen.length, 1), (mask, count) => {
    const rows = new Set(longestBlocked(chosen, count));
    const shown = processes.filter((row) => rows.has(row)).map((row) => mask.row(row));
    const named = new Set(shown.flatMap(({ resources }) => resources));
    return {
      processes: shown,
      ...(now_ms === undefined ? {} : { now_ms }),
      ...(stale_resources === undefined
        ? {}
        : { stale_resources: stale_resources.map((id) => mask.id(id)).filter((id) => named.has(id)) }),
      left_out: { processes: processes.length - shown.length },
    };
  });
}

function longestBlocked(processes: PsDocument["processes"], count: number): PsDocument["processes"] {
  return processes.toSorted((a, b) => (b.blocked_ms ?? -1) - (a.blocked_ms ?? -1)).slice(0, count);
}

/** The newest. */
export function shownEvents({ events }: EventsDocument, limit: number, fitting: Fitting): ShownEvents {
  const newest = affordable(events.slice(-limit).toReversed()).toReversed();
  return fitting.fit(newest, Math.max(newest.length, 1), (mask, count) => {
    const shown = newest.slice(-count).map((event) => mask.event(event));
    return { events: shown, left_out: { events: events.length - shown.length } };
  });
}

export function shownWhy(why: WhyDocument, fitting: Fitting): ShownWhy {
  const known = { ...why, chain: ends(why.chain, MAX_HOPS), root_causes: why.root_causes.slice(0, MAX_CAUSES) };
  return fitting.fit(known, MAX_HOPS, (mask, count) => {
    const chain = ends(known.chain, count);
    const root_causes = known.root_causes.slice(0, Math.max(1, Math.floor(count / (MAX_HOPS / MAX_CAUSES))));
    const mentioned = [
      processId(why.process.pid, why.process.node),
      processId(why.process.pid),
      ...chain.flatMap(({ from, to }) => [from, to]),
      ...root_causes.map(({ entity_id }) => entity_id),
    ];
    const names = namesOf(mentioned, why.names);
    return {
      ...mask.why({ ...why, chain, root_causes, names }),
      left_out: { hops: why.chain.length - chain.length, root_causes: why.root_causes.length - root_causes.length },
    };
  });
}

export function shownWhyAll(why: WhyAllDocument, fitting: Fitting): ShownWhyAll {
  const first = why.groups
    .slice(0, MAX_GROUPS)
    .map(({ root_cause, victims }) => ({ root_cause, victims: victims.slice(0, MAX_VICTIMS), all: victims.length }));
  return fitting.fit([first, why.blind_spots, why.names], MAX_GROUPS, (mask, count) => {
    const groups = first.slice(0, count);
    const shown = groups.map(({ root_cause, victims }) => ({
      root_cause: mask.cause(root_cause),
      victims: victims.map(({ pid, comm, job_id, blocked_ms }) => ({
        pid,
        comm: mask.text(comm),
        job_id: mask.orNull(job_id),
        blocked_ms,
      })),
    }));
    return {
      schema: why.schema,
      groups: shown,
      blind_spots: why.blind_spots.slice(0, MAX_BLIND_SPOTS).map((spot) => mask.text(spot)),
      names: mask.names(
        namesOfMembers(
          groups.map(({ root_cause }) => root_cause),
          why.names,
        ),
      ),
      left_out: {
        groups: why.groups.length - groups.length,
        victims: groups.reduce((sum, { victims, all }) => sum + all - victims.length, 0),
      },
    };
  });
}

export function shownWhyJob(why: WhyJobDocument, fitting: Fitting): ShownWhyJob {
  const causes = why.root_causes.slice(0, MAX_CAUSES);
  const chosen = why.ranks
    .toSorted(
      (a, b) =>
        Number(b.standing === "culprit") - Number(a.standing === "culprit") ||
        Number(b.blocked_ms !== null) - Number(a.blocked_ms !== null),
    )
    .slice(0, MAX_RANKS);
  return fitting.fit({ ...why, ranks: chosen, root_causes: causes }, MAX_RANKS, (mask, count) => {
    const kept = new Set(chosen.slice(0, count));
    const ranks = why.ranks
      .filter((rank) => kept.has(rank))
      .map(({ rank, pid, node, verdict, blocked_ms, standing, flight_record }) => ({
        rank,
        pid,
        node: mask.host(node),
        verdict,
        blocked_ms,
        standing,
        flight_record: mask.orNull(flight_record),
      }));
    const root_causes = causes.slice(0, Math.max(1, Math.floor(count / (MAX_RANKS / MAX_CAUSES))));
    return {
      schema: why.schema,
      job_id: mask.text(why.job_id),
      ranks,
      root_causes: root_causes.map((cause) => mask.cause(cause)),
      tendency: why.tendency,
      blind_spots: why.blind_spots.slice(0, MAX_BLIND_SPOTS).map((spot) => mask.text(spot)),
      names: mask.names(namesOfMembers(root_causes, why.names)),
      left_out: { ranks: why.ranks.length - ranks.length, root_causes: why.root_causes.length - root_causes.length },
    };
  });
}

type Names = Readonly<Record<string, string>>;

/** Of those that are mentioned alone: there is no room for all of a machine's. */
function namesOf(ids: Iterable<string>, names: Names): Record<string, string> {
  const mentioned = new Set(ids);
  return Object.fromEntries(Object.entries(names).filter(([id]) => mentioned.has(id)));
}

/** The members of a cause are told by pid; their ids may have a host before it. */
function namesOfMembers(causes: readonly RootCause[], names: Names): Record<string, string> {
  const pids = new Set(causes.flatMap((cause) => cause.pids));
  const members = Object.keys(names).filter((id) => pids.has(readProcessId(id)?.pid ?? 0));
  return namesOf([...members, ...causes.map(({ entity_id }) => entity_id)], names);
}

export function shownStatus(status: StatusReply, fitting: Fitting): StatusReply {
  const { version, uptime_ms, rss_bytes, events, rejections, graph, sampler, recording } = status;
  return fitting.fit(status, MAX_PROBES, (mask, count) => ({
    version: mask.text(version),
    node: mask.host(status.node),
    uptime_ms,
    rss_bytes,
    events,
    rejections,
    graph,
    sampler:
      sampler === null
        ? null
        : { ...sampler, backend: mask.text(sampler.backend), reason: mask.orNull(sampler.reason) },
    ebpf_lost: status.ebpf_lost,
    probes: status.probes.slice(0, count).map((probe) => ({
      name: mask.text(probe.name),
      state: probe.state,
      pid: probe.pid,
      restarts: probe.restarts,
      events: probe.events,
      rejected: probe.rejected,
      last_error: mask.orNull(probe.last_error),
    })),
    ...(recording === undefined
      ? {}
      : {
          recording:
            recording === null
              ? null
              : { ...recording, file: mask.text(recording.file), error: mask.orNull(recording.error) },
        }),
  }));
}

export function shownDoctor({ checks }: DoctorDocument, fitting: Fitting): DoctorDocument {
  return fitting.fit(checks, Math.max(checks.length, 1), (mask, count) => ({
    checks: checks.slice(0, count).map(({ name, ok, detail, enable }) => ({
      name: mask.text(name),
      ok,
      detail: mask.text(detail),
      enable: mask.orNull(enable),
    })),
  }));
}
