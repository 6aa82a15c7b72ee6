/** What `xctl diag` says, in English. Every text that is put in is printable and short. */

/** What a sentence about a failure may speak of. */
export interface FailureParts {
  /** As the failure tells them: the server's words, a variable's name, a number. */
  first: string;
  second: string;
  status: number | undefined;
  /** Of the server that was asked. */
  url: string;
  model: string;
  keyVariable: string;
  /** The command that lists the models there are. */
  listModels: string;
  /** What the server asks to wait, in seconds. */
  retryAfterS: number | null;
  isLocal: boolean;
  /** The command once more. */
  again: string;
  /** What may be enough where the limits were not. */
  moreTimeS: number;
  moreTokens: number;
}

type Told = readonly [message: string, next: string];
const ended = (words: string) => (words === "" ? "" : `: ${words}`);

export const diag = {
  /** The last line of a report: who speaks, and what it cost. */
  spent: (speaker: string, tokens: string, cost: string) => `${speaker}; ${tokens}; ${cost}`,
  from: (provider: string, model: string) => `${provider}, ${model}`,
  fromRules: "From the rules alone, without a model.",
  fromRulesInstead: "From the rules alone",
  tokens: (input: number, output: number) => `${input} tokens sent, ${output} received`,
  cost: (usd: string) => `about $${usd}`,
  costUnknown: "price not known",
  notVerified: "NOT VERIFIED: the answer was asked for twice and still does not fit the evidence.",
  notFound: "root cause not found",
  prevention: "So that it does not happen again",
  basedOn: "Based on",
  notes: "Notes",
  progress: (model: string, tokens: number, seconds: string) => `${model}: ${tokens} tokens, ${seconds} s`,
  waiting: (model: string, seconds: string) => `${model}: waiting for an answer, ${seconds} s`,
  interrupted: "interrupted; no answer was waited for",
  nothingSetUp:
    "no language model is set up, so the rules alone answer; to ask one: export ANTHROPIC_API_KEY=… or OPENAI_API_KEY=…, or use a local one: xctl diag PID --provider local",
  nothingSent: "nothing would be sent: the rules alone answer (provider none). A model would get this:",
  firstListed: (url: string) => `(the first that ${url} lists)`,
  dryRun: "This is what would be sent; nothing was.",
  instead: "the rules alone answer instead",
  badProvider: (text: string) => `no such provider: ${text}`,
  badBaseUrl: "not a base URL that can be used",
  baseUrlShape: "such as http://127.0.0.1:8000/v1; a key goes into its variable, not into the URL",
  badModel: "not a name of a model",
  badNumber: (name: string, text: string) => `${name} is not a number that can be used: ${text}`,
  numberRange: (from: number, to: number) => `a whole number from ${from} to ${to}`,
  badRedact: (text: string) => `no such level of redaction: ${text}`,
  /** Towards the reader, and, in English, towards the model. */
  objections: {
    foreign_entity: (subject: string) => `it cites ${subject}, which is not in the case`,
    foreign_cause: (subject: string) => `it names the root cause ${subject}, which the evidence does not show`,
    foreign_pid: (subject: string) => `it proposes a command for process ${subject}, which is not in the case`,
    no_citation: () => "it cites nothing of the case",
    unprintable: (subject: string) => `it proposes a command that cannot be shown as it is: ${subject}`,
    misfit: (subject: string) => `it does not have the shape that was asked for: ${subject}`,
    not_json: () => "it is not JSON",
  },
  failed: (message: string, next: string) => `${message}; ${next}`,
  secondFailed: (why: string) => `asking again failed: ${why}`,
  failures: {
    no_key: ({ first }): Told => [
      `no key: ${first} is not set`,
      `export ${first}=… or another provider: --provider local`,
    ],
    bad_key: ({ first }): Told => [`${first} holds something that no key holds`, `set it again: export ${first}=…`],
    unauthorized: ({ url, status, keyVariable, first }): Told => [
      `${url} does not accept the key (status ${status})${ended(first)}`,
      `check ${keyVariable}: is it this provider's, and still valid?`,
    ],
    unknown_model: ({ url, model, listModels, first }): Told => [
      `${url} knows no model ${model}, or is another API's address (status 404)${ended(first)}`,
      `the models there are: ${listModels}`,
    ],
    rate_limited: ({ url, retryAfterS, first }): Told => [
      `${url} has had too many requests (status 429)${ended(first)}`,
      retryAfterS === null ? "try again in a minute" : `try again in ${retryAfterS} s`,
    ],
    no_credit: ({ url, first }): Told => [
      `${url} answers no more until it is paid${ended(first)}`,
      "check the plan and the billing of the account",
    ],
    server_error: ({ url, status, first }): Told => [
      `${url} fails${status === undefined ? "" : ` (status ${status})`}${ended(first)}`,
      "try again in some minutes; the provider's status page may say more",
    ],
    rejected: ({ url, status, first, again }): Told => [
      `${url} rejects the request (status ${status})${ended(first)}`,
      `see what is sent: ${again} --dry-run`,
    ],
    connection_refused: ({ url, isLocal }): Told => [
      `nobody listens at ${url}`,
      isLocal
        ? "is the server started (ollama serve)? Another address: --base-url URL"
        : "check the address, or name another: --base-url URL; without a network: --provider local or none",
    ],
    blocked_port: ({ url }): Told => [
      `the port of ${url} is another protocol's, and fetch refuses it`,
      "give another: --base-url URL",
    ],
    unknown_host: ({ url }): Told => [
      `the host of ${url} cannot be found (DNS)`,
      "check the network and the address; without a network: --provider local or none",
    ],
    no_network: ({ url }): Told => [
      `${url} cannot be reached`,
      "check the network, or a proxy (NODE_USE_ENV_PROXY=1); without: --provider local or none",
    ],
    connection_lost: ({ url, first }): Told => [`the connection to ${url} broke${ended(first)}`, "try again"],
    certificate: ({ url, first }): Told => [
      `the certificate of ${url} is not accepted${ended(first)}`,
      "for a company's own authority: export NODE_EXTRA_CA_CERTS=/path/ca.pem",
    ],
    redirected: ({ url, status }): Told => [
      `${url} sends elsewhere (status ${status}); the key is not sent along`,
      "give the address itself: --base-url URL",
    ],
    no_first_token: ({ url, first, moreTimeS, again }): Told => [
      `${url} has not begun to answer in ${first} s`,
      `allow more time: XCTL_LLM_TIMEOUT=${moreTimeS} ${again}`,
    ],
    timed_out: ({ url, first, moreTimeS, again }): Told => [
      `${url} has not answered in ${first} s`,
      `allow more time: XCTL_LLM_TIMEOUT=${moreTimeS} ${again}`,
    ],
    cut: ({ url }): Told => [`the answer of ${url} was cut off`, "try again"],
    no_api: ({ url }): Told => [
      `${url} answers with a web page, not as a model's API does`,
      "check the address: --base-url URL; is there a login page before the network?",
    ],
    too_large: ({ url }): Told => [`the answer of ${url} is far too long`, "is it a chat completions API?"],
    empty: ({ model }): Told => [`${model} gave an empty answer`, "try again, or another model: --model NAME"],
    not_json: ({ url, model }): Told => [
      `what ${model} at ${url} answered is not the JSON that was asked for`,
      "another model may do better: --model NAME",
    ],
    content_refused: ({ model }): Told => [`${model} refuses to answer`, "another model may not: --model NAME"],
    answer_limit: ({ model, first, moreTokens, again }): Told => [
      `the answer of ${model} did not fit into ${first} tokens`,
      `allow more: XCTL_LLM_MAX_TOKENS=${moreTokens} ${again}`,
    ],
    call_limit: ({ first, second }): Told => [
      `this hour's ${first} calls are used up`,
      `the next one is free in ${second} min; to allow more: XCTL_LLM_MAX_CALLS_PER_HOUR`,
    ],
    token_limit: ({ first, second, moreTokens, again }): Told => [
      `the case needs about ${first} tokens, ${second} are allowed`,
      `allow more: XCTL_LLM_MAX_TOKENS=${moreTokens} ${again}`,
    ],
    uncounted: ({ first }): Told => [
      `the calls of this hour cannot be counted in ${first}`,
      "name a folder of yours that can be written: export XDG_STATE_HOME=/path",
    ],
  } satisfies Record<string, (parts: FailureParts) => Told>,
};
