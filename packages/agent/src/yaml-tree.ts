import type { Document, Node } from 'yaml';

/** What a text of YAML holds, and what is wrong with it. */
export interface YamlTree {
  /** Undefined when the text cannot be read. */
  readonly tree: unknown;
  readonly faults: readonly string[];
  /** Returns the line, from 1, of the key or entry that a path leads to, or of what is nearest above it. */
  readonly lineOf: (path: readonly (string | number)[]) => number | undefined;
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

const unread = (faults: readonly string[]): YamlTree => ({
  tree: undefined,
  faults,
  lineOf: () => undefined,
});

type Step = (at: Node | null | undefined, key: string | number) => Found | undefined;
interface Found {
  readonly start: number | undefined;
  readonly value: Node | null | undefined;
}

/** Returns the start of what a path leads to, as far as the path goes. */
function startOf(document: Document, step: Step, path: readonly (string | number)[]): number {
  let at = document.contents;
  let start = at?.range?.[0] ?? 0;
  for (const key of path) {
    const found = step(at, key);
    if (found === undefined) break;
    start = found.start ?? start;
    at = found.value ?? null;
  }
  return start;
}

/** Reads a text of YAML as far as it goes: a key that stands twice is a fault, and its last value counts. */
export async function readYamlTree(text: string): Promise<YamlTree> {
  // Most nodes have no such file, so the parser is loaded on demand.
  const { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } = await import('yaml');
  const { repeatedKeys } = await import('@kios/network-config/repeated-keys');
  const lines = new LineCounter();
  // With less of a log it says nothing of a second document.
  const document = parseDocument(text, {
    uniqueKeys: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const step: Step = (at, key) => {
    if (isSeq(at)) {
      const item = at.items[Number(key)];
      return isNode(item) ? { start: item.range?.[0], value: item } : undefined;
    }
    if (!isMap(at)) return undefined;
    const pair = at.items.findLast(
      (one) => isScalar(one.key) && String(one.key.value) === String(key),
    );
    if (!isNode(pair?.key)) return undefined;
    return { start: pair.key.range?.[0], value: isNode(pair.value) ? pair.value : null };
  };
  if (document.errors.length > 0)
    return unread(document.errors.map((error) => `is not YAML: ${firstLine(error)}`));
  try {
    const tree: unknown = document.toJS({ maxAliasCount: 100 });
    const twice = repeatedKeys(document).map(({ range, value }) => {
      const { line } = lines.linePos(range?.[0] ?? 0);
      return `has a key twice, of which the last counts: ${String(value)} in line ${line}`;
    });
    const lineOf = (path: readonly (string | number)[]): number =>
      lines.linePos(startOf(document, step, path)).line;
    return { tree: tree ?? {}, faults: twice, lineOf };
  } catch (error) {
    return unread([`is not YAML: ${firstLine(error)}`]);
  }
}
