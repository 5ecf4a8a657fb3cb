/** Marks the build information in a Go program (Go's debug/buildinfo), at a multiple of 16. */
const MAGIC = Buffer.from('\u00FF Go buildinf:', 'latin1');
const HEADER = 32;
/** The information follows the header; older programs have pointers instead. */
const INLINE = 0x2;

export interface GoVersion {
  /** The main module, such as `k8s.io/kubernetes`. */
  readonly module: string;
  readonly version: string;
  /** Version of the Go compiler. */
  readonly go: string;
}

/** Reads a string behind its length, which is a varint as in encoding/binary. Returns it and the end's position. */
function readString(bytes: Buffer, at: number): [value: string, end: number] {
  let size = 0;
  let next = at;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[next++] ?? 0;
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return [bytes.toString('utf8', next, next + size), next + size];
}

/** Returns the versions that Go's linker writes into a program; undefined for a program of another language. */
export function goVersion(program: Buffer): GoVersion | undefined {
  for (let at = program.indexOf(MAGIC); at !== -1; at = program.indexOf(MAGIC, at + 1)) {
    if (at % 16 !== 0 || ((program[at + 15] ?? 0) & INLINE) === 0) continue;
    const [go, end] = readString(program, at + HEADER);
    const [about] = readString(program, end);
    const [, module, version] = /^mod\t(\S+)\t(\S+)/m.exec(about) ?? [];
    if (module !== undefined && version !== undefined) return { module, version, go };
  }
  return undefined;
}
