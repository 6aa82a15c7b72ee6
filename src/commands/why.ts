/** `xctl why`: one process, one job, or everything that is stuck on the machine. */
import type { WhyAllDocument, WhyDocument, WhyJobDocument } from "../model/documents.ts";
import type { Replay } from "../client/replay.ts";
import { containerOf } from "../kernel/cgroup.ts";
import { XctlError } from "../lib/errors.ts";
import { printable } from "../lib/text.ts";
import type { FlightRecord } from "../model/flight.ts";
import { explainAll } from "../model/why-all.ts";
import { explainJob } from "../model/why-job.ts";
import { explainMember } from "../model/why-member.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import { whyAllDocument, whyAllText } from "../views/why-all.ts";
import { whyJobDocument, whyJobText } from "../views/why-job.ts";
import { whyDocument, whyText } from "../views/why.ts";
import { daemonOf, recordedCase, recordedProcess } from "./answers.ts";
import { printJson, type Terminal } from "./terminal.ts";
import { readPid } from "./values.ts";
import type { RunVerb, VerbOptions } from "./verb.ts";

type Answer = WhyDocument | WhyAllDocument | WhyJobDocument;

export const run: RunVerb = async (argument, options, terminal) => {
  const say = sentencesOf(terminal.style.lang);
  const pid = argument === undefined ? undefined : readPid(argument, say);
  if (pid !== undefined && options.job !== undefined) {
    throw new XctlError("usage", say.cli.pidOrJob, say.cli.seeHelp);
  }
  const answer = await whyAnswer(pid, options, await recordedCase(options, terminal), terminal);
  if (options.json === true) printJson(terminal, answer);
  else terminal.out(text(answer, options.all === true, terminal));
  return 0;
};

/** As the recording tells, else the daemon. */
export async function whyAnswer(
  pid: number | undefined,
  options: VerbOptions,
  recorded: Replay | undefined,
  terminal: Terminal,
): Promise<Answer> {
  const flight = await flightRecords(pid, options, terminal);
  return recorded === undefined
    ? askDaemon(pid, options, flight, terminal)
    : askRecorded(recorded, pid, options, flight, terminal);
}

async function askDaemon(
  pid: number | undefined,
  options: VerbOptions,
  flight: FlightRecord[],
  terminal: Terminal,
): Promise<Answer> {
  const ask = (records: FlightRecord[]) =>
    daemonOf(options, terminal).call("why", {
      ...(pid === undefined ? {} : { pid }),
      ...(options.job === undefined ? {} : { job: String(options.job) }),
      ...(records.length === 0 ? {} : { flight: records }),
      all: options.all === true,
      lang: terminal.style.lang,
    });
  const answer = await ask(flight);
  if (flight.length > 0) {
    if (answer.schema === "xctl.why/1" && answer.process.job_role !== "rank") {
      terminal.err(`[xctl] ${sentencesOf(terminal.style.lang).cli.flightNoRank(answer.process.pid)}`);
    }
    return answer;
  }
  try {
    const ofJob = await recordingJob(answer, options, terminal);
    if (ofJob === undefined) return answer;
    // Read with the rights of who asks, and not with the daemon's.
    const { readRankRecords } = await import("../client/flight-recorder.ts");
    const records = await readRankRecords(ofJob.ranks);
    return records.length === 0 ? answer : await ask(records);
  } catch (error) {
    // Its job may have ended meanwhile; the answer stands.
    if (error instanceof XctlError) return answer;
    throw error;
  }
}

/** The job that the answer is about, where its ranks were told to record what they do. */
async function recordingJob(
  answer: Answer,
  options: VerbOptions,
  terminal: Terminal,
): Promise<WhyJobDocument | undefined> {
  if (answer.schema === "xctl.why-job/1") {
    return answer.ranks.some(({ flight_record: file }) => file !== null) ? answer : undefined;
  }
  if (answer.schema !== "xctl.why/1" || answer.process.flight_record === null) return undefined;
  const { job_id: job } = answer.process;
  if (job === null || answer.verdict === "running") return undefined;
  const ofJob = await daemonOf(options, terminal).call("why", { job });
  return ofJob.schema === "xctl.why-job/1" ? ofJob : undefined;
}

function askRecorded(
  recorded: Replay,
  pid: number | undefined,
  options: VerbOptions,
  flight: readonly FlightRecord[],
  terminal: Terminal,
): Answer {
  const { graph, nowMs } = recorded;
  const context = { graph, lang: terminal.style.lang };
  if (pid !== undefined) {
    const process = recordedProcess(recorded, pid, terminal);
    return whyDocument(explainMember(graph, process, nowMs, { flight }), {
      ...context,
      container: containerOf(process.cgroup) ?? null,
    });
  }
  if (options.job === undefined)
    // A recording is read because something was wrong when it ended, and it may have begun a moment before.
    return whyAllDocument(explainAll(graph, nowMs, { all: options.all === true, shortestMs: 0 }), context);
  const job = String(options.job);
  const members = graph.job(job);
  const say = sentencesOf(terminal.style.lang).cli;
  if (members === undefined) throw new XctlError("failed", say.noSuchJob(job), say.listJobs);
  return whyJobDocument(job, explainJob(graph, members, nowMs, flight), context);
}

async function flightRecords(
  pid: number | undefined,
  options: VerbOptions,
  { err, style }: Terminal,
): Promise<FlightRecord[]> {
  const folder = options.flightRecorder;
  if (folder === undefined) return [];
  const say = sentencesOf(style.lang).cli;
  if (pid === undefined && options.job === undefined) throw new XctlError("usage", say.flightNeedsJob, say.seeHelp);
  const { readFlightRecords } = await import("../client/flight-recorder.ts");
  const { records, refused } = await readFlightRecords(String(folder));
  if (records.length === 0) throw new XctlError("failed", say.noDumps(printable(String(folder))));
  for (const { file, reason } of refused) err(`[xctl] ${say.refusedDump(printable(file), printable(reason))}`);
  return records;
}

function text(answer: Answer, all: boolean, { style }: Terminal): string {
  if (answer.schema === "xctl.why/1") return whyText(answer, style);
  return answer.schema === "xctl.why-all/1" ? whyAllText(answer, style, all) : whyJobText(answer, style);
}
