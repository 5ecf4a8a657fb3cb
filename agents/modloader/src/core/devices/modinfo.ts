const KEY = 'firmware=';

/** Returns the files that a module asks the kernel for: the `firmware=` entries of its `.modinfo` section. */
export function firmwareOf(module: Uint8Array): string[] {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.byteLength);
  const files = new Set<string>();
  for (let at = bytes.indexOf(KEY); at >= 0; at = bytes.indexOf(KEY, at + KEY.length)) {
    // Entries are strings with a NUL after each, so the text within another string does not count.
    if (at > 0 && bytes[at - 1] !== 0) continue;
    const end = bytes.indexOf(0, at);
    files.add(bytes.toString('latin1', at + KEY.length, end < 0 ? bytes.length : end));
  }
  return [...files];
}
