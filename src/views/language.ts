/** Which language the reader wants, as the environment says it. locale(7) gives the order of the variables. */

export type Lang = "en" | "zh";

const VARIABLES = ["XCTL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"] as const;

/** Chinese where the first of the variables that is set asks for it; `zh_CN.UTF-8`, `zh-Hans`, `zh`. */
export function languageOf(env: Record<string, string | undefined>): Lang {
  const asked = VARIABLES.map((name) => env[name]).find((value) => value !== undefined && value !== "");
  return /^zh(?![a-z])/i.test(asked ?? "") ? "zh" : "en";
}
