/** What a text of YAML holds, and what is wrong with it. */
export interface YamlTree {
  /** Undefined when the text cannot be read. */
  readonly tree: unknown;
  readonly faults: readonly string[];
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

/** Reads a text of YAML as far as it goes: a key that stands twice is a fault, and its last value counts. */
export async function readYamlTree(text: string): Promise<YamlTree> {
  // Most nodes have no such file, so the parser is loaded on demand.
  const { parseDocument } = await import('yaml');
  // With less of a log it says nothing of a second document.
  const document = parseDocument(text, { uniqueKeys: true, logLevel: 'error' });
  const broken = document.errors.filter(({ code }) => code !== 'DUPLICATE_KEY');
  if (broken.length > 0)
    return { tree: undefined, faults: broken.map((error) => `is not YAML: ${firstLine(error)}`) };
  try {
    const tree: unknown = document.toJS({ maxAliasCount: 100 });
    const twice = document.errors.map(
      (error) => `has a key twice, of which the last counts: ${firstLine(error)}`,
    );
    return { tree: tree ?? {}, faults: twice };
  } catch (error) {
    return { tree: undefined, faults: [`is not YAML: ${firstLine(error)}`] };
  }
}
