/** The system's libbpf, by koffi: the functions that are called, by what they do. It knows no program and no map. */
import { existsSync } from "node:fs";

/** An opaque pointer of libbpf's. */
export type Pointer = unknown;
type RingCallback = (context: Pointer, data: Pointer, length: number) => number;

export interface Libbpf {
  open(bytes: Buffer, size: number, options: null): Pointer;
  load(object: Pointer): number;
  close(object: Pointer): void;
  findMap(object: Pointer, name: string): Pointer;
  setInitial(map: Pointer, bytes: Buffer, size: number): number;
  findProgram(object: Pointer, name: string): Pointer;
  setAutoload(program: Pointer, load: boolean): number;
  attachIterator(program: Pointer, options: IteratorOptions | null): Pointer;
  attach(program: Pointer): Pointer;
  linkFd(link: Pointer): number;
  createIterator(linkFd: number): number;
  destroyLink(link: Pointer): number;
  mapFd(map: Pointer): number;
  lookUp(mapFd: number, key: Buffer, value: Buffer): number;
  update(mapFd: number, key: Buffer, value: Buffer, flags: number): number;
  remove(mapFd: number, key: Buffer): number;
  newRing(mapFd: number, callback: unknown, context: null, options: null): Pointer;
  consume(ring: Pointer): number;
  freeRing(ring: Pointer): void;
  register(take: RingCallback): unknown;
  unregister(callback: unknown): void;
  /** So many bytes at the address. */
  copy(address: Pointer, length: number): Uint8Array;
  errno(): number;
}

/** struct bpf_iter_attach_opts of bpf/libbpf.h. */
export interface IteratorOptions {
  size: number;
  info: Buffer;
  info_bytes: number;
}

export const LIBRARY = "libbpf.so.1";
const BTF = "/sys/kernel/btf/vmlinux";
let library: Promise<Libbpf> | undefined;

/** Loaded once. Throws an Error that says what this machine lacks. */
export function loadLibbpf(): Promise<Libbpf> {
  return (library ??= load());
}

async function load(): Promise<Libbpf> {
  if (!existsSync(BTF)) throw new Error(`the kernel has no type information (${BTF})`);
  const { default: koffi } = await import("koffi");
  let libbpf: ReturnType<typeof koffi.load>;
  try {
    libbpf = koffi.load(LIBRARY);
  } catch {
    throw new Error(`${LIBRARY} is not installed`);
  }
  // Otherwise it writes the verifier's words to standard error.
  libbpf.func("void *libbpf_set_print(void *)")(null);
  const RingCallback = koffi.pointer(koffi.proto("int xctl_ring_record(void *context, void *data, size_t length)"));
  koffi.struct("xctl_iterator_options", { size: "size_t", info: "void *", info_bytes: "uint32_t" });
  return {
    open: libbpf.func("void *bpf_object__open_mem(void *, size_t, void *)"),
    load: libbpf.func("int bpf_object__load(void *)"),
    close: libbpf.func("void bpf_object__close(void *)"),
    findMap: libbpf.func("void *bpf_object__find_map_by_name(void *, str)"),
    setInitial: libbpf.func("int bpf_map__set_initial_value(void *, void *, size_t)"),
    findProgram: libbpf.func("void *bpf_object__find_program_by_name(void *, str)"),
    setAutoload: libbpf.func("int bpf_program__set_autoload(void *, bool)"),
    attach: libbpf.func("void *bpf_program__attach(void *)"),
    attachIterator: libbpf.func("void *bpf_program__attach_iter(void *, xctl_iterator_options *)"),
    linkFd: libbpf.func("int bpf_link__fd(void *)"),
    createIterator: libbpf.func("int bpf_iter_create(int)"),
    destroyLink: libbpf.func("int bpf_link__destroy(void *)"),
    mapFd: libbpf.func("int bpf_map__fd(void *)"),
    lookUp: libbpf.func("int bpf_map_lookup_elem(int, void *, _Out_ void *)"),
    update: libbpf.func("int bpf_map_update_elem(int, void *, void *, uint64_t)"),
    remove: libbpf.func("int bpf_map_delete_elem(int, void *)"),
    newRing: libbpf.func("void *ring_buffer__new(int, void *, void *, void *)"),
    consume: libbpf.func("int ring_buffer__consume(void *)"),
    freeRing: libbpf.func("void ring_buffer__free(void *)"),
    register: (take) => koffi.register(take, RingCallback),
    unregister: (callback) => koffi.unregister(callback as bigint),
    copy: (address, length) => koffi.decode(address, "uint8_t", length) as Uint8Array,
    errno: () => koffi.errno(),
  };
}
