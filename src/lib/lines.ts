/**
 * Bytes in any chunking → complete lines of text, whatever the bytes are. It knows no stream and no meaning of a line.
 *
 * Memory is bounded by one line's cap: what is longer is thrown away while it streams. A run of complete lines is
 * decoded at once and then cut, because one decode a line costs more than all the parsing behind it.
 */
import { isAscii, isUtf8 } from "node:buffer";

/** Why a line was dropped: longer than the cap, or not UTF-8. */
export type LineFault = "too_long" | "encoding";

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

export class LineReader {
  readonly #maxLineBytes: number;
  readonly #onFault: (fault: LineFault) => void;
  /** The start of a line whose end has not come; one byte more than the cap, for the CR of a CRLF. */
  readonly #held: Buffer;
  #heldBytes = 0;
  /** The line that streams in is too long, which has been told. */
  #discarding = false;

  /** `maxLineBytes` does not count the line's end. `onFault` is called once for each line that is dropped. */
  constructor(maxLineBytes: number, onFault: (fault: LineFault) => void) {
    this.#maxLineBytes = maxLineBytes;
    this.#onFault = onFault;
    this.#held = Buffer.allocUnsafe(maxLineBytes + 1);
  }

  /** The lines that this chunk completes, without their ends; blank ones are left out. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    if (this.#heldBytes > 0 || this.#discarding) {
      const end = chunk.indexOf(LF);
      this.#hold(end < 0 ? chunk : chunk.subarray(0, end));
      if (end < 0) return lines;
      this.#release(lines);
      start = end + 1;
    }
    const afterLast = chunk.lastIndexOf(LF) + 1;
    if (afterLast > start) {
      this.#cut(chunk.subarray(start, afterLast), lines);
      start = afterLast;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
    return lines;
  }

  /** The last line, where the stream ended without a line's end; the reader is then as new. */
  end(): string[] {
    const lines: string[] = [];
    this.#release(lines);
    return lines;
  }

  #hold(bytes: Buffer): void {
    if (this.#discarding) return;
    if (this.#heldBytes + bytes.length > this.#held.length) {
      this.#discarding = true;
      this.#heldBytes = 0;
      this.#onFault("too_long");
      return;
    }
    this.#heldBytes += bytes.copy(this.#held, this.#heldBytes);
  }

  #release(lines: string[]): void {
    const length = this.#heldBytes;
    this.#heldBytes = 0;
    this.#discarding = false;
    if (length > 0) this.#takeBytes(this.#held.subarray(0, length), lines);
  }

  /** `region` is complete lines, the last one's LF included. */
  #cut(region: Buffer, lines: string[]): void {
    const ascii = isAscii(region);
    if (!ascii && !isUtf8(region)) {
      for (let start = 0; start < region.length;) {
        const end = region.indexOf(LF, start);
        this.#takeBytes(region.subarray(start, end), lines);
        start = end + 1;
      }
      return;
    }
    const text = ascii ? region.toString("latin1") : region.toString("utf8");
    for (let start = 0; start < text.length;) {
      const end = text.indexOf("\n", start);
      const stop = end > start && text.charCodeAt(end - 1) === CR ? end - 1 : end;
      const line = text.slice(start, stop);
      if (this.#isTooLong(line, ascii)) this.#onFault("too_long");
      else keep(line, lines);
      start = end + 1;
    }
  }

  #takeBytes(bytes: Buffer, lines: string[]): void {
    const line = bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes;
    if (line.length > this.#maxLineBytes) this.#onFault("too_long");
    else if (!isUtf8(line)) this.#onFault("encoding");
    else keep(line.toString("utf8"), lines);
  }

  /** A UTF-16 unit is one to three bytes of UTF-8, so few lines need a count. */
  #isTooLong(line: string, ascii: boolean): boolean {
    if (ascii || line.length > this.#maxLineBytes) return line.length > this.#maxLineBytes;
    return line.length * 3 > this.#maxLineBytes && Buffer.byteLength(line) > this.#maxLineBytes;
  }
}

function keep(line: string, lines: string[]): void {
  if (!isBlank(line)) lines.push(line);
}

function isBlank(line: string): boolean {
  return line.length === 0 || (line.charCodeAt(0) <= SPACE && line.trim() === "");
}
