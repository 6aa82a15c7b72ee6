/** An agent, as far as xctl can tell: the SDK's own client over the pipes of the real command. */
import type { TestContext } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { Place } from "./place.ts";

export interface Called {
  isError: boolean;
  text: string;
  /** The document; of a failure, the one in its text. */
  document: Record<string, unknown>;
}

export class Agent {
  readonly client = new Client({ name: "test", version: "1" });
  readonly #transport: StdioClientTransport;
  stderr = "";

  private constructor(place: Place, args: readonly string[], env: Record<string, string>) {
    this.#transport = new StdioClientTransport({
      command: process.execPath,
      args: [place.main, "mcp", ...args],
      cwd: place.folder,
      env: { ...place.env(), ...env },
      stderr: "pipe",
    });
    this.#transport.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  /** Connected, and with the tools' schemas: from then on the client checks each answer against its own. */
  static async of(t: TestContext, place: Place, args: readonly string[], env: Record<string, string> = {}) {
    const agent = new Agent(place, args, env);
    t.after(() => agent.client.close());
    await agent.client.connect(agent.#transport);
    await agent.client.listTools();
    return agent;
  }

  async call(name: string, args: Record<string, unknown> = {}): Promise<Called> {
    const result = (await this.client.callTool({ name, arguments: args })) as CallToolResult;
    const [first, ...others] = result.content;
    if (first?.type !== "text" || others.length > 0) throw new Error(`not one text: ${JSON.stringify(result)}`);
    const isError = result.isError === true;
    const document = isError ? parsed(first.text) : result.structuredContent;
    return { isError, text: first.text, document: document ?? {} };
  }

  async read(uri: string): Promise<string> {
    const { contents } = await this.client.readResource({ uri });
    return (contents[0] as { text: string }).text;
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
