/** The longest parameters that are passed to the kernel, in bytes. */
const MAX_BYTES = 4096;

/** Says what is wrong with the parameters of one module, of whatever origin; undefined when they may be passed. */
export function parametersFault(params: string): string | undefined {
  if (/[\n\r\0]/.test(params)) return 'are not one line';
  if ((params.match(/"/g) ?? []).length % 2 !== 0) return 'have unbalanced quotes';
  const { length } = new TextEncoder().encode(params);
  return length > MAX_BYTES ? `have ${length} bytes, more than ${MAX_BYTES}` : undefined;
}
