/** What an agent is told beside the answers, in English. */
const lines = (count: number) => `${count} ${count === 1 ? "line" : "lines"}`;

export const mcp = {
  noEvents: "No such events lately.",
  moreLines: (more: number) => `… and ${lines(more)} more; the document holds more than this text.`,
  leftOut: (left: number) =>
    `${left} more ${left === 1 ? "entry is" : "entries are"} left out (left_out). Ask for one process, job or type to see others.`,
  pidOrJob: "give pid or job, not both",
  orNeither: "neither of them: all that is stuck",
  /** For a sentence about no process in particular. */
  anyone: { who: "the process", others: "others", thing: "the resource" },
};
