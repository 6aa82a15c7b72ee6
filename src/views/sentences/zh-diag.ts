/** `xctl diag` 的中文文案。 */
import type { Sentences } from "./en.ts";

const ended = (words: string) => (words === "" ? "" : `：${words}`);

export const diag: Sentences["diag"] = {
  spent: (speaker, tokens, cost) => `${speaker}；${tokens}；${cost}`,
  from: (provider, model) => `${provider}，${model}`,
  fromRules: "仅依据规则得出，没有使用模型。",
  fromRulesInstead: "仅依据规则得出",
  tokens: (input, output) => `发送 ${input} 个 token，收到 ${output} 个`,
  cost: (usd) => `约 $${usd}`,
  costUnknown: "价格未知",
  notVerified: "未通过核实：模型已回答两次，内容仍与证据不符。",
  notFound: "未找到根因",
  prevention: "如何避免再次发生",
  basedOn: "依据",
  notes: "说明",
  progress: (model, tokens, seconds) => `${model}：${tokens} 个 token，${seconds} 秒`,
  waiting: (model, seconds) => `${model}：等待回答，${seconds} 秒`,
  interrupted: "已中断，未等待回答",
  nothingSetUp:
    "尚未配置语言模型，因此仅由规则作答；如需询问模型：export ANTHROPIC_API_KEY=… 或 OPENAI_API_KEY=…，也可使用本地模型：xctl diag PID --provider local",
  nothingSent: "不会发送任何内容：仅由规则作答 (provider none)。若询问模型，将发送：",
  firstListed: (url) => `(${url} 列出的第一个模型)`,
  dryRun: "以上是将会发送的内容；实际未发送。",
  instead: "改由规则作答",
  badProvider: (text) => `没有这个 provider：${text}`,
  badBaseUrl: "base URL 无法使用",
  baseUrlShape: "例如 http://127.0.0.1:8000/v1；密钥应放在环境变量中，不要写进 URL",
  badModel: "不是模型名称",
  badNumber: (name, text) => `${name} 的数值无法使用：${text}`,
  numberRange: (from, to) => `应为 ${from} 到 ${to} 的整数`,
  badRedact: (text) => `没有这个脱敏级别：${text}`,
  objections: {
    foreign_entity: (subject) => `它引用了 ${subject}，而案例中没有该对象`,
    foreign_cause: (subject) => `它认定的根因是 ${subject}，证据并不支持`,
    foreign_pid: (subject) => `它建议对进程 ${subject} 执行命令，而案例中没有该进程`,
    no_citation: () => "它没有引用案例中的任何内容",
    unprintable: (subject) => `它建议的命令无法原样显示：${subject}`,
    misfit: (subject) => `它不符合要求的结构：${subject}`,
    not_json: () => "它不是 JSON",
  },
  failed: (message, next) => `${message}；${next}`,
  secondFailed: (why) => `再次询问失败：${why}`,
  failures: {
    no_key: ({ first }) => [`没有密钥：未设置 ${first}`, `export ${first}=…，或换用其他 provider：--provider local`],
    bad_key: ({ first }) => [`${first} 中含有密钥不应有的字符`, `请重新设置：export ${first}=…`],
    unauthorized: ({ url, status, keyVariable, first }) => [
      `${url} 不接受该密钥 (状态码 ${status})${ended(first)}`,
      `请检查 ${keyVariable}：是否属于该 provider，是否仍然有效`,
    ],
    unknown_model: ({ url, model, listModels, first }) => [
      `${url} 没有模型 ${model}，或者是其他 API 的地址 (状态码 404)${ended(first)}`,
      `查看可用的模型：${listModels}`,
    ],
    rate_limited: ({ url, retryAfterS, first }) => [
      `${url} 收到的请求过多 (状态码 429)${ended(first)}`,
      retryAfterS === null ? "请一分钟后重试" : `请 ${retryAfterS} 秒后重试`,
    ],
    no_credit: ({ url, first }) => [`${url} 在付费之前不再作答${ended(first)}`, "请检查账户的套餐和账单"],
    server_error: ({ url, status, first }) => [
      `${url} 出现故障${status === undefined ? "" : ` (状态码 ${status})`}${ended(first)}`,
      "请几分钟后重试；provider 的状态页可能有更多信息",
    ],
    rejected: ({ url, status, first, again }) => [
      `${url} 拒绝了请求 (状态码 ${status})${ended(first)}`,
      `查看发送的内容：${again} --dry-run`,
    ],
    connection_refused: ({ url, isLocal }) => [
      `${url} 没有服务在监听`,
      isLocal
        ? "服务是否已启动 (ollama serve)？使用其他地址：--base-url URL"
        : "请检查地址，或使用其他地址：--base-url URL；没有网络时：--provider local 或 none",
    ],
    blocked_port: ({ url }) => [`${url} 的端口属于其他协议，fetch 拒绝访问`, "请换一个地址：--base-url URL"],
    unknown_host: ({ url }) => [`找不到 ${url} 的主机 (DNS)`, "请检查网络和地址；没有网络时：--provider local 或 none"],
    no_network: ({ url }) => [
      `无法连接 ${url}`,
      "请检查网络或代理 (NODE_USE_ENV_PROXY=1)；没有网络时：--provider local 或 none",
    ],
    connection_lost: ({ url, first }) => [`与 ${url} 的连接中断${ended(first)}`, "请重试"],
    certificate: ({ url, first }) => [
      `不接受 ${url} 的证书${ended(first)}`,
      "如使用企业自有的证书颁发机构：export NODE_EXTRA_CA_CERTS=/path/ca.pem",
    ],
    redirected: ({ url, status }) => [
      `${url} 重定向到别处 (状态码 ${status})；密钥不会随之发送`,
      "请直接给出最终地址：--base-url URL",
    ],
    no_first_token: ({ url, first, moreTimeS, again }) => [
      `${url} 在 ${first} 秒内没有开始回答`,
      `延长时间：XCTL_LLM_TIMEOUT=${moreTimeS} ${again}`,
    ],
    timed_out: ({ url, first, moreTimeS, again }) => [
      `${url} 在 ${first} 秒内没有回答`,
      `延长时间：XCTL_LLM_TIMEOUT=${moreTimeS} ${again}`,
    ],
    cut: ({ url }) => [`${url} 的回答中途断开`, "请重试"],
    no_api: ({ url }) => [`${url} 返回的是网页，不是模型的 API`, "请检查地址：--base-url URL；网络是否需要先登录？"],
    too_large: ({ url }) => [`${url} 的回答过长`, "它是否提供 chat completions API？"],
    empty: ({ model }) => [`${model} 的回答为空`, "请重试，或换用其他模型：--model NAME"],
    not_json: ({ url, model }) => [`${url} 上的 ${model} 没有按要求以 JSON 作答`, "换用其他模型可能更好：--model NAME"],
    content_refused: ({ model }) => [`${model} 拒绝回答`, "可换用其他模型：--model NAME"],
    answer_limit: ({ model, first, moreTokens, again }) => [
      `${model} 的回答超出了 ${first} 个 token`,
      `放宽限制：XCTL_LLM_MAX_TOKENS=${moreTokens} ${again}`,
    ],
    call_limit: ({ first, second }) => [
      `本小时的 ${first} 次调用已用完`,
      `${second} 分钟后可再次调用；放宽限制：XCTL_LLM_MAX_CALLS_PER_HOUR`,
    ],
    token_limit: ({ first, second, moreTokens, again }) => [
      `该案例约需 ${first} 个 token，只允许 ${second} 个`,
      `放宽限制：XCTL_LLM_MAX_TOKENS=${moreTokens} ${again}`,
    ],
    uncounted: ({ first }) => [
      `无法在 ${first} 中记录本小时的调用次数`,
      "请指定一个可写的文件夹：export XDG_STATE_HOME=/path",
    ],
  },
};
