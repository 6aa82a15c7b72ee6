/** The tools: what each is called, takes and answers. Their descriptions are for a model, so they are in one language. */
import { z } from "zod";
import { XctlError } from "../../lib/errors.ts";
import { EVENT_TYPES } from "../../model/event.ts";
import { doctorText } from "../../views/doctor.ts";
import { eventText } from "../../views/events.ts";
import { psText } from "../../views/ps.ts";
import { sentencesOf } from "../../views/sentences/index.ts";
import { statusText } from "../../views/status.ts";
import type { Style } from "../../views/style.ts";
import { whyAllText } from "../../views/why-all.ts";
import { whyJobText } from "../../views/why-job.ts";
import { whyText } from "../../views/why.ts";
import type { Answers } from "./answers.ts";
import { shownDoctor, shownEvents, shownPs, shownStatus, shownWhy, shownWhyAll, shownWhyJob } from "./documents.ts";
import type { Fitting } from "./fit.ts";
import { doctorShape, eventsShape, psShape, statusShape, whyShape } from "./schemas.ts";

export interface ToolContext {
  answers: Answers;
  fitting: Fitting;
  style: Style;
}

export interface Reply {
  document: object;
  /** The same as a person reads it in a terminal. */
  text: string;
}

export interface Tool {
  name: string;
  title: string;
  description: string;
  input: z.ZodObject;
  output: z.ZodObject;
  /** The arguments are as `input` lets them through. Throws XctlError. */
  ask(args: Record<string, unknown>, context: ToolContext): Promise<Reply>;
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 300;

const pid = z.int().positive();
const job = z.string().min(1).max(512);
const limit = (of: string) =>
  z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe(`at most so many ${of}; fewer where they are long`);

const whyTool = tool(
  "why",
  "Why a process does not progress",
  "Finds the root cause of a hang: follows what a process waits for, over pipes, sockets, locks, files, GPUs and other " +
    "processes, down to who or what holds it up, with evidence, certainty and what to do. With pid: that process. With " +
    "job: which rank holds the job up. With neither: everything on the machine that is stuck, by root cause; begin there.",
  {
    pid: pid.optional().describe("the process to explain; not together with job"),
    job: job.optional().describe("the job to explain"),
    all: z.boolean().optional().describe("without pid and job: the harmless waits too"),
  },
  whyShape,
  async (question, { answers, fitting, style }) => {
    if (question.pid !== undefined && question.job !== undefined) {
      const say = sentencesOf(style.lang).mcp;
      throw new XctlError("usage", say.pidOrJob, say.orNeither);
    }
    const why = await answers.why(question);
    if (why.schema === "xctl.why/1") {
      const document = shownWhy(why, fitting);
      return { document, text: whyText(document, style) };
    }
    if (why.schema === "xctl.why-job/1") {
      const document = shownWhyJob(why, fitting);
      return { document, text: whyJobText(document, style) };
    }
    const document = shownWhyAll(why, fitting);
    return { document, text: whyAllText(document, style, question.all === true) };
  },
);

const psTool = tool(
  "ps",
  "Processes and what they wait for",
  "The active processes: pid, job, resources, state, what each waits on and for how long, command line. Active is what " +
    "uses a tracked resource, belongs to a job or is not idle. Where not all fit, the longest blocked are shown.",
  {
    all: z.boolean().optional().describe("every process, kernel threads too"),
    job: job.optional().describe("only this job's"),
    limit: limit("processes"),
  },
  psShape,
  async ({ limit: most, ...question }, { answers, fitting, style }) => {
    const document = shownPs(await answers.ps(question), most, fitting);
    const nothing = sentencesOf(style.lang).cli.nothingActive;
    return { document, text: document.processes.length === 0 ? nothing : psText(document, style) };
  },
);

const eventsTool = tool(
  "events",
  "Recent events",
  "What the probes told lately, newest last: waits, states of processes, errors of hardware and network, metrics. Ask for " +
    "one type or one process, for most events are ordinary. The types and their meaning: resource xctl://docs/events.",
  {
    type: z.enum(EVENT_TYPES).optional().describe("only events of this type"),
    pid: pid.optional().describe("only events of this process"),
    limit: limit("events, the newest"),
  },
  eventsShape,
  async ({ limit: most, ...question }, { answers, fitting, style }) => {
    const document = shownEvents(await answers.events(question), most, fitting);
    const lines = document.events.map((event) => eventText(event, style));
    return { document, text: lines.length === 0 ? sentencesOf(style.lang).mcp.noEvents : lines.join("\n") };
  },
);

type Live = NonNullable<Answers["live"]>;

const statusTool = (live: Live): Tool =>
  tool(
    "status",
    "The daemon's health",
    "Whether xctl itself works: probes and their errors, counters, the graph's size, the sampler.",
    {},
    statusShape,
    async (_question, { fitting, style }) => {
      const document = shownStatus(await live.status(), fitting);
      return { document, text: statusText(document, style) };
    },
  );

const doctorTool = (live: Live): Tool =>
  tool(
    "doctor",
    "What this machine allows",
    "What xctl can see on this machine (root, eBPF, NVML, cgroups …) and the command that would enable the rest. Works " +
      "without the daemon, and says whether that one can be reached.",
    {},
    doctorShape,
    async (_question, { fitting, style }) => {
      const document = shownDoctor(await live.doctor(), fitting);
      return { document, text: doctorText(document, style) };
    },
  );

/** Without a daemon to ask, those that a recording can answer. */
export function toolsFor({ live }: Answers): Tool[] {
  return [whyTool, psTool, eventsTool, ...(live === undefined ? [] : [statusTool(live), doctorTool(live)])];
}

/** The arguments with the types that the shape gives them. */
function tool<Shape extends z.ZodRawShape>(
  name: string,
  title: string,
  description: string,
  input: Shape,
  output: z.ZodObject,
  ask: (args: z.output<z.ZodObject<Shape>>, context: ToolContext) => Promise<Reply>,
): Tool {
  return {
    name,
    title,
    description,
    // A misspelt argument that is passed over would change the question.
    input: z.strictObject(input),
    output,
    ask: (args, context) => ask(args as z.output<z.ZodObject<Shape>>, context),
  };
}
