import { type Document, isScalar, type Scalar, visit } from 'yaml';

/**
 * Returns the keys that stand a second time in their map, for a document that was parsed without `uniqueKeys`: the
 * parser compares each key with all before it, and a map may have thousands.
 */
export function repeatedKeys(document: Document): readonly Scalar[] {
  const found: Scalar[] = [];
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) found.push(key);
        seen.add(key.value);
      }
    },
  });
  return found;
}
