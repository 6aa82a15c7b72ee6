/** A language model's server on this machine, which speaks the real wire protocols and answers as it was told to. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The model says this; what is no text is said as JSON. */
interface Said {
  says: unknown;
  usage?: Count;
  finish?: string;
}

/** What happens to one request. */
export type Step =
  | Said
  /** The model makes its answer of what it is asked; four characters are a token. */
  | { reads(question: string): unknown }
  /** The server refuses. */
  | { status: number; headers?: Record<string, string>; body?: unknown }
  /** The body, whatever it is, as it stands. */
  | { raw: string; type?: string }
  /** The connection ends without an answer, or after this part of it. */
  | { dies: "at once" }
  | { dies: "midway"; after: string }
  /** The stream ends in order, but before the model has finished. */
  | { stops: string }
  | { hangs: true };

interface Received {
  path: string;
  headers: IncomingMessage["headers"];
  body: Record<string, unknown>;
}

export interface ModelServer {
  /** With `/v1`. */
  url: string;
  /** In their order; those that list the models are not among them. */
  requests: Received[];
}

export interface ServerOptions {
  /** What `/v1/models` lists; where it is undefined there is no such page. */
  models?: string[];
  /** Another path than `/v1`. */
  prefix?: string;
}

/** Whoever ends the server in the end: node:test's context, for one. */
interface Owner {
  after(end: () => void): void;
}

/** Each request takes the next step; the last one stands for all that follow. */
export async function modelServer(
  owner: Owner,
  steps: readonly Step[],
  { models, prefix = "/v1" }: ServerOptions = {},
): Promise<ModelServer> {
  const requests: Received[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await readBody(request);
    const path = request.url ?? "";
    if (path === `${prefix}/models` && models !== undefined) {
      return json(response, 200, { object: "list", data: models.map((id) => ({ id, object: "model" })) });
    }
    if (path !== `${prefix}/chat/completions` && path !== `${prefix}/messages`) {
      return json(response, 404, { error: { message: `no such page: ${path}` } });
    }
    const body = JSON.parse(text) as Record<string, unknown>;
    const step = steps[Math.min(requests.length, steps.length - 1)] as Step;
    requests.push({ path, headers: request.headers, body });
    act("reads" in step ? said(step.reads, body) : step, response, protocolOf(path, body), body.stream === true);
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`, requests };
}

/** A base URL that nobody listens at. */
export async function nobody(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}/v1`;
}

function said(reads: (question: string) => unknown, body: Record<string, unknown>): Said {
  const question = (body.messages as { content: string }[]).map(({ content }) => content).join("\n");
  const text = JSON.stringify(reads(question));
  return { says: text, usage: { input: Math.ceil(question.length / 4), output: Math.ceil(text.length / 4) } };
}

function protocolOf(path: string, { tools }: Record<string, unknown>): Protocol {
  if (!path.endsWith("/messages")) return CHAT_COMPLETIONS;
  const [tool] = (tools ?? []) as { name: string }[];
  return tool === undefined ? messages(TEXT_BLOCK) : messages(toolBlock(tool.name));
}

function act(
  step: Exclude<Step, { reads: unknown }>,
  response: ServerResponse,
  protocol: Protocol,
  streams: boolean,
): void {
  if ("hangs" in step) return;
  if ("status" in step) return json(response, step.status, step.body ?? {}, step.headers);
  if ("raw" in step) {
    response.writeHead(200, { "content-type": step.type ?? "application/json" });
    response.end(step.raw);
    return;
  }
  if ("stops" in step) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const frame of protocol.pieces(step.stops)) response.write(frame);
    response.end();
    return;
  }
  if ("dies" in step) {
    if (step.dies === "at once") return void response.destroy();
    response.writeHead(200, {
      "content-type": streams ? "text/event-stream" : "application/json",
      ...(streams ? {} : { "content-length": "100000" }),
    });
    const parts = streams ? protocol.pieces(step.after) : [`{"id":"x","choices":[{"message":{"content":"${step.after}`];
    for (const part of parts) response.write(part);
    setTimeout(() => response.destroy(), 50);
    return;
  }
  const text = typeof step.says === "string" ? step.says : JSON.stringify(step.says);
  const usage = step.usage === undefined ? { input: 1234, output: 56 } : step.usage;
  if (!streams) return json(response, 200, protocol.whole(text, usage, step.finish));
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const frame of [...protocol.pieces(text), ...protocol.end(usage, step.finish)]) response.write(frame);
  response.end();
}

type Count = { input: number; output: number } | null;

interface Protocol {
  whole(text: string, usage: Count, finish?: string): object;
  pieces(text: string): string[];
  end(usage: Count, finish?: string): string[];
}

/** https://developers.openai.com/api/reference/resources/chat */
const CHAT_COMPLETIONS: Protocol = {
  whole: (text, usage, finish = "stop") => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_790_000_000,
    model: "test",
    choices: [{ index: 0, message: { role: "assistant", content: text, refusal: null }, finish_reason: finish }],
    ...(usage === null ? {} : { usage: chatUsage(usage) }),
  }),
  pieces: (text) => [
    chatFrame({ choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] }),
    ...inPieces(text).map((content) => chatFrame({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })),
  ],
  end: (usage, finish = "stop") => [
    chatFrame({ choices: [{ index: 0, delta: {}, finish_reason: finish }] }),
    ...(usage === null ? [] : [chatFrame({ choices: [], usage: chatUsage(usage) })]),
    "data: [DONE]\n\n",
  ],
};

function chatFrame(part: object): string {
  const about = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_790_000_000, model: "test" };
  return `data: ${JSON.stringify({ ...about, ...part })}\n\n`;
}

function chatUsage({ input, output }: { input: number; output: number }): object {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

/** How an answer stands in a message: as text, or as what a tool is called with. */
interface Block {
  whole(text: string): object;
  empty: object;
  delta(piece: string): object;
  stopReason: string;
}

const TEXT_BLOCK: Block = {
  whole: (text) => ({ type: "text", text }),
  empty: { type: "text", text: "" },
  delta: (text) => ({ type: "text_delta", text }),
  stopReason: "end_turn",
};

function toolBlock(name: string): Block {
  return {
    whole: (text) => ({ type: "tool_use", id: "toolu_1", name, input: JSON.parse(text) as object }),
    empty: { type: "tool_use", id: "toolu_1", name, input: {} },
    delta: (partial_json) => ({ type: "input_json_delta", partial_json }),
    stopReason: "tool_use",
  };
}

/** https://platform.claude.com/docs/en/api/messages */
function messages(block: Block): Protocol {
  const message = { id: "msg_1", type: "message", role: "assistant", model: "test", stop_sequence: null };
  return {
    whole: (text, usage, finish = block.stopReason) => ({
      ...message,
      content: [block.whole(text)],
      stop_reason: finish,
      usage: { input_tokens: usage?.input ?? 0, output_tokens: usage?.output ?? 0 },
    }),
    pieces: (text) => [
      messageFrame("message_start", {
        message: { ...message, content: [], stop_reason: null, usage: { input_tokens: 1234, output_tokens: 1 } },
      }),
      messageFrame("content_block_start", { index: 0, content_block: block.empty }),
      messageFrame("ping", {}),
      ...inPieces(text).map((piece) => messageFrame("content_block_delta", { index: 0, delta: block.delta(piece) })),
    ],
    end: (usage, finish = block.stopReason) => [
      messageFrame("content_block_stop", { index: 0 }),
      messageFrame("message_delta", {
        delta: { stop_reason: finish, stop_sequence: null },
        usage: { output_tokens: usage?.output ?? 0 },
      }),
      messageFrame("message_stop", {}),
    ],
  };
}

function messageFrame(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

function inPieces(text: string): string[] {
  return text.match(/[\s\S]{1,40}/g) ?? [];
}

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(text);
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk as string;
  return text;
}
