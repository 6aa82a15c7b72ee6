/**
 * Reads plain data out of a Python pickle: numbers, texts, lists, tuples, dicts, None. Nothing is ever run: a pickle that
 * names anything of Python's is refused, but for torch's makers of lists, which are known to make none but lists.
 * Python's pickletools lists the opcodes. What it reads is hostile: lengths and the number of values are bounded.
 */

export type Plain = null | boolean | number | string | Uint8Array | Plain[] | Map<string, Plain>;

const MAX_VALUES = 4_000_000;
const MAX_NAME = 128;
const LINE_FEED = 0x0a;
const MAX_MEMO = 1_000_000;
/** A bigger integer than this many bytes is no counter and no time. */
const MAX_LONG_BYTES = 16;

/** The value; throws PickleError where it is none, or holds more than plain data. */
export function readPickle(bytes: Uint8Array): Plain {
  return new Machine(bytes).run();
}

export class PickleError extends Error {}

/** Stands in the stack where a MARK opcode was. */
const MARK = Symbol("mark");
/** Stands for one of torch's makers of lists, whose first argument is what it makes. */
const MAKER = Symbol("maker");
const MAKERS: ReadonlySet<string> = new Set(
  ["build_intlist", "build_doublelist", "build_boollist", "restore_type_tag"].map(
    (name) => `torch.jit._pickle.${name}`,
  ),
);
type Slot = Plain | typeof MARK | typeof MAKER;

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, Plain | typeof MAKER>();
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Plain {
    for (;;) {
      const opcode = this.#u8();
      if (opcode === OP.STOP) return this.#pop();
      this.#step(opcode);
    }
  }

  #step(opcode: number): void {
    switch (opcode) {
      case OP.PROTO:
        this.#take(1);
        break;
      case OP.FRAME:
        this.#take(8);
        break;
      case OP.MARK:
        this.#push(MARK);
        break;
      case OP.NONE:
        this.#push(null);
        break;
      case OP.NEWTRUE:
        this.#push(true);
        break;
      case OP.NEWFALSE:
        this.#push(false);
        break;
      case OP.BININT:
        this.#push(this.#read(4, (at) => this.#view.getInt32(at, true)));
        break;
      case OP.BININT1:
        this.#push(this.#u8());
        break;
      case OP.BININT2:
        this.#push(this.#read(2, (at) => this.#view.getUint16(at, true)));
        break;
      case OP.LONG1:
        this.#push(this.#long(this.#u8()));
        break;
      case OP.BINFLOAT:
        this.#push(this.#read(8, (at) => this.#view.getFloat64(at, false)));
        break;
      case OP.SHORT_BINUNICODE:
        this.#push(this.#text(this.#u8()));
        break;
      case OP.BINUNICODE:
        this.#push(this.#text(this.#u32()));
        break;
      case OP.BINUNICODE8:
        this.#push(this.#text(this.#u64()));
        break;
      case OP.SHORT_BINBYTES:
        this.#push(this.#take(this.#u8()));
        break;
      case OP.BINBYTES:
        this.#push(this.#take(this.#u32()));
        break;
      case OP.EMPTY_LIST:
      case OP.EMPTY_TUPLE:
        this.#push([]);
        break;
      case OP.EMPTY_DICT:
        this.#push(new Map());
        break;
      case OP.APPEND: {
        const item = this.#pop();
        this.#list().push(item);
        break;
      }
      case OP.APPENDS: {
        const items = this.#popMark();
        const list = this.#list();
        for (const item of items) list.push(item);
        break;
      }
      case OP.SETITEM: {
        const value = this.#pop();
        const key = this.#pop();
        this.#dict().set(keyOf(key), value);
        break;
      }
      case OP.SETITEMS: {
        const items = this.#popMark();
        const dict = this.#dict();
        for (let place = 0; place + 1 < items.length; place += 2) {
          dict.set(keyOf(items[place] as Plain), items[place + 1] as Plain);
        }
        break;
      }
      case OP.TUPLE:
      case OP.LIST:
        this.#push(this.#popMark());
        break;
      case OP.TUPLE1:
        this.#push(this.#popped(1));
        break;
      case OP.TUPLE2:
        this.#push(this.#popped(2));
        break;
      case OP.TUPLE3:
        this.#push(this.#popped(3));
        break;
      case OP.POP:
        this.#stack.pop();
        break;
      case OP.BINPUT:
        this.#remember(this.#u8());
        break;
      case OP.LONG_BINPUT:
        this.#remember(this.#u32());
        break;
      case OP.MEMOIZE:
        this.#remember(this.#memo.size);
        break;
      case OP.BINGET:
        this.#push(this.#recall(this.#u8()));
        break;
      case OP.LONG_BINGET:
        this.#push(this.#recall(this.#u32()));
        break;
      case OP.GLOBAL:
        this.#push(this.#maker(`${this.#line()}.${this.#line()}`));
        break;
      case OP.REDUCE: {
        const args = this.#pop();
        if (this.#stack.pop() !== MAKER || !Array.isArray(args)) throw new PickleError("a call of something");
        this.#push(args[0] ?? null);
        break;
      }
      default:
        throw new PickleError(`opcode 0x${opcode.toString(16)} is not plain data`);
    }
  }

  #maker(name: string): typeof MAKER {
    if (!MAKERS.has(name)) throw new PickleError(`${name.slice(0, MAX_NAME)} is not plain data`);
    return MAKER;
  }

  #line(): string {
    const end = this.#bytes.indexOf(LINE_FEED, this.#at);
    if (end < 0 || end - this.#at > MAX_NAME) throw new PickleError("no name");
    const text = new TextDecoder().decode(this.#take(end - this.#at));
    this.#take(1);
    return text;
  }

  #push(value: Slot): void {
    if (++this.#values > MAX_VALUES) throw new PickleError("too many values");
    this.#stack.push(value);
  }

  #pop(): Plain {
    const value = this.#stack.pop();
    if (value === undefined || typeof value === "symbol") throw new PickleError("the stack is empty");
    return value as Plain;
  }

  #popped(count: number): Plain[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  #popMark(): Plain[] {
    const place = this.#stack.lastIndexOf(MARK);
    if (place < 0) throw new PickleError("no mark");
    const items = this.#stack.splice(place).slice(1);
    if (items.some((item) => typeof item === "symbol")) throw new PickleError("a call of something");
    return items as Plain[];
  }

  #list(): Plain[] {
    const list = this.#stack.at(-1);
    if (!Array.isArray(list)) throw new PickleError("no list");
    return list;
  }

  #dict(): Map<string, Plain> {
    const dict = this.#stack.at(-1);
    if (!(dict instanceof Map)) throw new PickleError("no dict");
    return dict;
  }

  #remember(place: number): void {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw new PickleError("nothing to remember");
    if (this.#memo.size >= MAX_MEMO) throw new PickleError("too many values");
    this.#memo.set(place, value);
  }

  #recall(place: number): Plain | typeof MAKER {
    const value = this.#memo.get(place);
    if (value === undefined) throw new PickleError("nothing was remembered there");
    return value;
  }

  #long(length: number): number {
    if (length > MAX_LONG_BYTES) throw new PickleError("too large a number");
    let value = 0n;
    const bytes = this.#take(length);
    for (let place = length - 1; place >= 0; place--) value = (value << 8n) | BigInt(bytes[place] as number);
    return Number(BigInt.asIntN(length * 8, value));
  }

  #text(length: number): string {
    return new TextDecoder().decode(this.#take(length));
  }

  #u8(): number {
    return this.#read(1, (at) => this.#view.getUint8(at));
  }

  #u32(): number {
    return this.#read(4, (at) => this.#view.getUint32(at, true));
  }

  #u64(): number {
    return Number(this.#read(8, (at) => this.#view.getBigUint64(at, true)));
  }

  #read<T>(length: number, get: (at: number) => T): T {
    return get(this.#advance(length));
  }

  #take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw new PickleError("it ends too early");
    this.#at += length;
    return at;
  }
}

/** Keys other than texts are of no use here, but of no harm either. */
function keyOf(key: Plain): string {
  return typeof key === "object" ? "" : String(key);
}

const OP = {
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  STOP: 0x2e,
  POP: 0x30,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  BINFLOAT: 0x47,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  BINUNICODE: 0x58,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  APPENDS: 0x65,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  LIST: 0x6c,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  PROTO: 0x80,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  GLOBAL: 0x63,
  REDUCE: 0x52,
} as const;
