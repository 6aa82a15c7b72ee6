/** `xctl mcp`: the questions of ps, why, events, status and doctor for an agent, on standard input and output. */
import type { Answers } from "../diagnose/mcp/answers.ts";
import type { Redaction } from "../diagnose/mcp/fit.ts";
import { mcpServer } from "../diagnose/mcp/server.ts";
import { serve } from "../diagnose/mcp/stdio.ts";
import { printable } from "../lib/text.ts";
import { VERSION } from "../version.ts";
import { sentencesOf, type Sentences } from "../views/sentences/index.ts";
import { daemonOf, recordedCase } from "./answers.ts";
import { doctorDocument } from "./doctor.ts";
import { recentEvents } from "./events.ts";
import { processes } from "./ps.ts";
import type { Terminal } from "./terminal.ts";
import { readPort, readRedaction } from "./values.ts";
import { whyAnswer } from "./why.ts";
import type { RunVerb, VerbOptions } from "./verb.ts";

/** In the text beside a document, which nobody's terminal cuts. */
const TEXT_COLUMNS = 160;

export const run: RunVerb = async (_argument, options, terminal) => {
  const { lang } = terminal.style;
  const say = sentencesOf(lang);
  readPort(String(options.port), say);
  const tell = (message: string) => terminal.err(`[xctl] ${printable(message)}`);
  const server = mcpServer({
    answers: await answersOf(options, terminal),
    redaction: redactionOf(options, say),
    style: { lang, color: false, unicode: true, width: TEXT_COLUMNS },
    version: VERSION,
    onDefect: tell,
  });
  return (await serve(server, tell)) ? 0 : 1;
};

function redactionOf({ redact }: VerbOptions, say: Sentences): Redaction {
  if (redact === false) return "none";
  return readRedaction(redact, say) ? "strict" : "normal";
}

/** A recording is read once: it answers as of its end. */
async function answersOf(options: VerbOptions, terminal: Terminal): Promise<Answers> {
  const recorded = await recordedCase(options, terminal);
  const asked = (question: object): VerbOptions => ({ ...options, ...question });
  return {
    ps: (question) => processes(asked(question), recorded, terminal),
    why: ({ pid, ...question }) => whyAnswer(pid, asked(question), recorded, terminal),
    events: (filter) => recentEvents(filter, options, recorded, terminal),
    ...(recorded === undefined
      ? {
          live: {
            status: () => daemonOf(options, terminal).call("status", {}),
            doctor: () => doctorDocument(options, terminal),
          },
        }
      : {}),
  };
}
