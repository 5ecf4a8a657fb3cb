import type { NodeBootstrap } from './document.ts';

type Json = Readonly<Record<string, unknown>>;

const isMap = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7386 without deletion: maps merge, everything else is replaced by the later value. */
export function mergeMaps(base: Json, later: Json): Json {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(later)) {
    const old = merged[key];
    merged[key] = isMap(old) && isMap(value) ? mergeMaps(old, value) : value;
  }
  return merged;
}

/** Documents in the order of their weight, the last wins. `auth` is one secret and never mixed from two documents. */
export function mergeDocuments(documents: readonly NodeBootstrap[]): NodeBootstrap | undefined {
  if (documents.length === 0) return undefined;
  const pick = (key: 'cluster' | 'node' | 'kubelet'): Json =>
    documents.map((doc) => doc[key] ?? {}).reduce<Json>(mergeMaps, {});
  const auth = documents.findLast((doc) => doc.auth !== undefined)?.auth;
  const has = (key: 'cluster' | 'node' | 'kubelet'): boolean =>
    documents.some((doc) => doc[key] !== undefined);
  return {
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    ...(has('cluster') ? { cluster: pick('cluster') } : {}),
    ...(auth === undefined ? {} : { auth }),
    ...(has('node') ? { node: pick('node') } : {}),
    ...(has('kubelet') ? { kubelet: pick('kubelet') } : {}),
  };
}
