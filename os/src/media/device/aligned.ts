const PAGE = 64 * 1024;

/** The part of WebAssembly that is used here; its types come with those of browsers, which this project leaves out. */
interface WebAssembly {
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
}

const isWebAssembly = (value: unknown): value is WebAssembly =>
  typeof value === 'object' && value !== null && 'Memory' in value;

/**
 * Returns zeroed memory that begins at a page, as direct access to a disk needs it. Node's own buffers begin anywhere;
 * the memory of a WebAssembly module is mapped in whole pages.
 */
export function alignedMemory(length: number): Buffer {
  const found: unknown = Reflect.get(globalThis, 'WebAssembly');
  if (!isWebAssembly(found)) throw new Error('this runtime has no WebAssembly');
  const { buffer } = new found.Memory({ initial: Math.ceil(length / PAGE) });
  return Buffer.from(buffer, 0, length);
}
