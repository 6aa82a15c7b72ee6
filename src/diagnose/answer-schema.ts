/**
 * The shape of a model's answer: as a schema for servers that enforce one, in words for all others, and read back from
 * whatever text comes. Zod is loaded with it, so only what asks a model may import this.
 */
import type { Output } from "ai";
import { z } from "zod";
import { CAUSE_KINDS } from "../model/cause.ts";

const answerSchema = z.object({
  root_cause: z.enum(CAUSE_KINDS),
  explanation: z.string(),
  steps: z.array(
    z.object({ text: z.string(), command: z.string().nullable(), risk: z.enum(["safe", "disruptive", "destructive"]) }),
  ),
  prevention: z.array(z.string()),
  confidence: z.number(),
  cited: z.array(z.string()),
});
export type Answer = z.infer<typeof answerSchema>;

/** The fields in words: models that are held to no schema go by this, and it does not hurt the others. */
export const ANSWER_SHAPE = `Answer with one JSON object and nothing else, with exactly these keys:
{"root_cause": one of the kinds of root cause that the case allows, or "unknown",
 "explanation": text,
 "steps": [{"text": text, "command": a shell command or null, "risk": "safe" | "disruptive" | "destructive"}],
 "prevention": [text],
 "confidence": a number from 0 to 1,
 "cited": [ids of entities of the case]}`;

/** The schema goes along with the request; the text is read by `readAnswer`, which forgives more than the SDK does. */
export async function answerOutput(): Promise<Output.Output<string, string>> {
  const { Output: outputs } = await import("ai");
  return {
    ...outputs.object({ schema: answerSchema, name: "diagnosis" }),
    parseCompleteOutput: async ({ text }) => text,
    // Pieces of the answer are passed on only as this changes with them.
    parsePartialOutput: async ({ text }) => ({ partial: text }),
    createElementStreamTransform: () => undefined,
  };
}

export type Read =
  | { kind: "answer"; answer: Answer }
  /** JSON of another shape: what does not fit, and what can be used of it. */
  | { kind: "misfit"; misfit: string; partial: Answer | undefined }
  | { kind: "not_json" };

/** Takes the JSON out of what small models wrap around it: thoughts, a fence, a polite sentence. */
export function readAnswer(text: string): Read {
  const json = jsonObjectIn(text.replace(/<think>[\s\S]*?<\/think>/g, ""));
  if (json === undefined) return { kind: "not_json" };
  const { data, error } = answerSchema.safeParse(json);
  if (data !== undefined) return { kind: "answer", answer: data };
  const [issue] = error?.issues ?? [];
  const misfit = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`;
  return { kind: "misfit", misfit, partial: lenientSchema.safeParse(json).data };
}

/** An explanation is the least that a report needs; whatever else is missing or misshapen is left out. */
const lenientSchema = z.object({
  root_cause: z.enum(CAUSE_KINDS).catch("unknown"),
  explanation: z.string().min(1),
  steps: z
    .array(
      z
        .object({
          text: z.string(),
          command: z.string().nullable().catch(null),
          risk: z.enum(["safe", "disruptive", "destructive"]).catch("destructive"),
        })
        .nullable()
        .catch(null),
    )
    .transform((steps) => steps.filter((step) => step !== null))
    .catch([]),
  prevention: z.array(z.string()).catch([]),
  confidence: z.number().catch(0),
  cited: z.array(z.string()).catch([]),
});

function jsonObjectIn(text: string): object | undefined {
  const start = text.indexOf("{");
  const end = text.lastIndexOf("}");
  if (start < 0 || end < start) return undefined;
  try {
    return JSON.parse(text.slice(start, end + 1)) as object;
  } catch {
    return undefined;
  }
}
