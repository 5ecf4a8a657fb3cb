/** A key of an index, its value and the value's priority. */
export type Key = readonly [key: string, value: string, priority: number];

interface Node {
  readonly children: Map<number, Node>;
  readonly values: (readonly [string, number])[];
}

const u32 = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
const bytesOf = (text: string): number[] => text.split('').map((char) => char.charCodeAt(0));

/** Returns a file with these bytes behind the header, one character for each byte. */
export const rawIndex = (root: number, body: readonly number[], version = 0x00_02_00_01): string =>
  [0xb0_07_f4_57, version, root].flatMap(u32).concat(body).map((byte) => String.fromCharCode(byte)).join(''); // prettier-ignore

function treeOf(keys: readonly Key[]): Node {
  const root: Node = { children: new Map(), values: [] };
  for (const [key, value, priority] of keys) {
    let node = root;
    for (const char of bytesOf(key)) {
      const child: Node = node.children.get(char) ?? { children: new Map(), values: [] };
      node.children.set(char, child);
      node = child;
    }
    node.values.push([value, priority]);
  }
  return root;
}

/** Follows nodes that only lead on, as depmod joins them to a prefix. */
function join(node: Node): { readonly prefix: string; readonly end: Node } {
  let [prefix, end] = ['', node];
  while (end.children.size === 1 && end.values.length === 0) {
    const [[char, child] = [0, end]] = end.children;
    prefix += String.fromCharCode(char);
    end = child;
  }
  return { prefix, end };
}

/** Returns an index as depmod writes it, children before their parents. */
export function formatIndex(keys: readonly Key[]): string {
  const body: number[] = [];
  const write = (node: Node): number => {
    const { prefix, end } = join(node);
    const chars = [...end.children.keys()].toSorted((a, b) => a - b);
    const [first = 0, last = 0] = [chars[0], chars.at(-1)];
    const offsets = Array.from({ length: last - first + 1 }, (_, at) => {
      const child = end.children.get(first + at);
      return child === undefined ? 0 : write(child);
    });
    const start = 12 + body.length;
    if (prefix !== '') body.push(...bytesOf(prefix), 0);
    if (chars.length > 0) body.push(first, last, ...offsets.flatMap(u32));
    if (end.values.length > 0) body.push(...u32(end.values.length));
    for (const [value, priority] of end.values) body.push(...u32(priority), ...bytesOf(value), 0);
    const flags = [prefix !== '', end.values.length > 0, chars.length > 0];
    return flags.reduce((offset, flag, at) => offset + (flag ? 2 ** (31 - at) : 0), start);
  };
  return rawIndex(write(treeOf(keys)), body);
}
