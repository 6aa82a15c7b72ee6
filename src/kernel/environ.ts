/**
 * /proc/PID/environ: what a process's environment was when its program started; proc_pid_environ(5). It may have been
 * overwritten since, with a title for ps or with anything, and it holds secrets: only variables asked for are taken out.
 */

/** More than any launcher's; a longer value is left out. */
const MAX_VALUE_BYTES = 512;
const NUL = 0;
const EQUALS = 0x3d;

export type Variables = Readonly<Record<string, string>>;

/**
 * The variables of these names. Of one that is set twice the first counts, as for getenv(3). Left out is a value that is
 * too long, no UTF-8 or not printable, and an entry without its end: `environ` was cut off there.
 */
export function pickVariables(environ: Uint8Array, names: ReadonlySet<string>): Variables {
  const found = new Map<string, string | undefined>();
  let start = 0;
  for (let end = environ.indexOf(NUL); end >= 0; start = end + 1, end = environ.indexOf(NUL, start)) {
    const entry = environ.subarray(start, end);
    const name = nameOf(entry, names);
    if (name !== undefined && !found.has(name)) found.set(name, valueOf(entry.subarray(name.length + 1)));
  }
  return Object.fromEntries([...found].filter((pair) => pair[1] !== undefined)) as Variables;
}

function nameOf(entry: Uint8Array, names: ReadonlySet<string>): string | undefined {
  const equals = entry.indexOf(EQUALS);
  if (equals <= 0 || equals > MAX_VALUE_BYTES) return undefined;
  const name = String.fromCharCode(...entry.subarray(0, equals));
  return names.has(name) ? name : undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Control characters, what reorders or hides text, and separators of lines. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

function valueOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_VALUE_BYTES) return undefined;
  try {
    const value = utf8.decode(bytes);
    return UNPRINTABLE.test(value) ? undefined : value;
  } catch {
    return undefined;
  }
}
