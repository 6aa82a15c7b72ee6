/** An error that a user sees: what happened, why, and what to do next. Anything else that is thrown is a defect of xctl's. */

/** The codes and the exit status each ends the command with; docs/errors.md names them all. */
export const EXIT_CODES = {
  failed: 1,
  usage: 2,
  no_such_process: 3,
  daemon_unreachable: 4,
  not_permitted: 5,
} as const;
export type ErrorCode = keyof typeof EXIT_CODES;

export class XctlError extends Error {
  override readonly name = "XctlError";
  readonly code: ErrorCode;
  /** The next step, a sentence or a command. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

const FILE_ERRORS: Record<string, string> = {
  ENOENT: "no such file or folder",
  ENOTDIR: "no such file or folder",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space is left",
  EDQUOT: "no space is left",
};

/** Why a file could not be read or written, without the system call and the path that Node puts into its messages. */
export function fileErrorText(thrown: unknown): string {
  return FILE_ERRORS[(thrown as NodeJS.ErrnoException).code ?? ""] ?? messageOf(thrown);
}

/** The text of whatever was thrown, on one line. */
export function messageOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).split("\n", 1)[0] ?? "";
}
