/**
 * Whose code a sleeping thread was called from, by the return addresses on its stack. Bytes and text in, names out;
 * reading a process's memory and /proc/PID/maps may block for ever, and is not done here.
 *
 * Nothing is unwound: every word that points into code counts, also one that an earlier call has left behind. So an
 * answer of one name is worth something, one of several is not.
 */

/** The C library and the kernel's own page stand between a thread and every call that blocks. */
const SYSTEM_CODE = /^(?:lib(?:c|pthread|rt)[.-][^/]*|ld-[^/]*|ld\.so[^/]*|\[vdso\])$/;
const WORD_BYTES = 8;
const CODE = /^([0-9a-f]+)-([0-9a-f]+) ..x. [0-9a-f]+ [0-9a-f:]+ \d+ +(.+)$/gm;

/** The file names of the libraries and programs that words of `stack` point into, the innermost first, without the C library. */
export function callersOn(stack: Buffer, maps: string): Set<string> {
  const code = codeIn(maps);
  const callers = new Set<string>();
  for (let at = 0; at + WORD_BYTES <= stack.length; at += WORD_BYTES) {
    const word = stack.readBigUInt64LE(at);
    const name = code.find(({ start, end }) => word >= start && word < end)?.name;
    if (name !== undefined && !SYSTEM_CODE.test(name)) callers.add(name);
  }
  return callers;
}

interface Code {
  start: bigint;
  end: bigint;
  name: string;
}

function codeIn(maps: string): Code[] {
  return Array.from(maps.matchAll(CODE), ([, start, end, path = ""]) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    name: path.slice(path.lastIndexOf("/") + 1).replace(/ \(deleted\)$/, ""),
  }));
}
