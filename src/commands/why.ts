/** `xctl why`: one process, one job, or everything that is stuck on the machine. */
import type { WhyAllDocument, WhyDocument, WhyJobDocument } from "../model/documents.ts";
import type { Replay } from "../client/replay.ts";
import { containerOf } from "../kernel/cgroup.ts";
import { XctlError } from "../lib/errors.ts";
import { explainAll } from "../model/why-all.ts";
import { explain } from "../model/why.ts";
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
  const recorded = await recordedCase(options, terminal);
  const answer =
    recorded === undefined ? await askDaemon(pid, options, terminal) : askRecorded(recorded, pid, options, terminal);
  if (options.json === true) printJson(terminal, answer);
  else terminal.out(text(answer, options.all === true, terminal));
  return 0;
};

function askDaemon(pid: number | undefined, options: VerbOptions, terminal: Terminal): Promise<Answer> {
  return daemonOf(options, terminal).call("why", {
    ...(pid === undefined ? {} : { pid }),
    ...(options.job === undefined ? {} : { job: String(options.job) }),
    all: options.all === true,
    lang: terminal.style.lang,
  });
}

function askRecorded(recorded: Replay, pid: number | undefined, options: VerbOptions, terminal: Terminal): Answer {
  const { graph, nowMs } = recorded;
  const context = { graph, lang: terminal.style.lang };
  if (pid !== undefined) {
    const process = recordedProcess(recorded, pid, terminal);
    return whyDocument(explain(graph, process, nowMs), { ...context, container: containerOf(process.cgroup) ?? null });
  }
  if (options.job === undefined)
    // A recording is read because something was wrong when it ended, and it may have begun a moment before.
    return whyAllDocument(explainAll(graph, nowMs, { all: options.all === true, shortestMs: 0 }), context);
  const job = String(options.job);
  const members = graph.job(job);
  const say = sentencesOf(terminal.style.lang).cli;
  if (members === undefined) throw new XctlError("failed", say.noSuchJob(job), say.listJobs);
  return whyJobDocument(
    job,
    [...members].map((member) => explain(graph, member, nowMs)),
    context,
  );
}

function text(answer: Answer, all: boolean, { style }: Terminal): string {
  if (answer.schema === "xctl.why/1") return whyText(answer, style);
  return answer.schema === "xctl.why-all/1" ? whyAllText(answer, style, all) : whyJobText(answer, style);
}
