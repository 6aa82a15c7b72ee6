/** 除答案之外对智能体说的话：中文。 */
import type { mcp as en } from "./en-mcp.ts";

export const mcp: typeof en = {
  noEvents: "最近没有这样的事件。",
  moreLines: (more) => `……另有 ${more} 行；文档中的内容比这段文字更多。`,
  leftOut: (left) => `另有 ${left} 项未列出（left_out）。请指定某个进程、作业或类型来查看。`,
  pidOrJob: "pid 和 job 只能给出一个",
  orNeither: "两者都不给出：针对所有卡住的进程",
  anyone: { who: "该进程", others: "其他进程", thing: "该资源" },
};
