import { isMap } from './schema-parts.ts';

/** Where nothing means something or has a sentence of its own: a link without settings, a label, a kernel's setting. */
const MEANT = new Set(['network', 'node.labels', 'sysctls']);

/** Returns a parsed text without the fields that have no value: `cluster:` with nothing behind it is no cluster. */
export function withoutNulls(value: unknown, path = ''): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => withoutNulls(item, `${path}[]`));
  if (!isMap(value) || MEANT.has(path)) return value;
  const given = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(
    given.map(([key, item]) => [key, withoutNulls(item, path === '' ? key : `${path}.${key}`)]),
  );
}
