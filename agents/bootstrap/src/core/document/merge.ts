import type { Part } from './parsed-document.ts';
import { withoutUser } from './proxy.ts';
import { isMap } from './schema-parts.ts';
import type { NodeBootstrap } from './schema.ts';
import { withoutTwins } from './twins.ts';

type Json = Readonly<Record<string, unknown>>;

/** Merges by RFC 7386 without deletion: maps merge, everything else is replaced by the later value. */
export function mergeMaps(base: Json, later: Json): Json {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(later)) {
    const old = merged[key];
    merged[key] = isMap(old) && isMap(value) ? mergeMaps(old, value) : value;
  }
  return merged;
}

/** Takes from an earlier document what a later one says in another field: kubelet's own fields would override it. */
function beforeNode(base: NodeBootstrap, { node = {} }: NodeBootstrap): NodeBootstrap {
  const config = base.kubelet?.config;
  return config === undefined
    ? base
    : { ...base, kubelet: { ...base.kubelet, config: withoutTwins(config, node) } };
}

/** Merges all but `auth`, one secret, and `network`, one file: neither is ever mixed from two documents. */
const mergeTwo = (earlier: NodeBootstrap, later: NodeBootstrap): NodeBootstrap => {
  const base = beforeNode(earlier, later);
  const auth = later.auth ?? base.auth;
  const network = later.network ?? base.network;
  return {
    ...base,
    ...mergeMaps(base, later),
    ...(auth === undefined ? {} : { auth }),
    ...(network === undefined ? {} : { network }),
  };
};

/** Merges documents in order; the last one wins. Undefined for an empty list. */
export function mergeDocuments(documents: readonly NodeBootstrap[]): NodeBootstrap | undefined {
  const [first, ...rest] = documents;
  return first === undefined ? undefined : rest.reduce(mergeTwo, first);
}

/** A list, because keys may contain dots, as those of labels do. */
type Path = readonly string[];

function leaves(value: unknown, path: Path): readonly (readonly [Path, unknown])[] {
  if (!isMap(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
}

function at(document: unknown, path: Path): unknown {
  let found = document;
  for (const key of path) found = isMap(found) ? found[key] : undefined;
  return found;
}

export interface Origin {
  readonly path: string;
  readonly value: unknown;
  readonly from: string;
}

const isSecret = (path: string): boolean =>
  /^files$|^registries\..*\.password$|^auth\.(?!awsIamAuthenticator|bootstrapTokenFile|attest$|exec\.command)/.test(
    path,
  );

const isProxy = (path: string): boolean => path === 'proxy.http' || path === 'proxy.https';

/** Returns a value as it may be shown. */
function shown(path: string, value: unknown): unknown {
  if (isSecret(path)) return '…';
  return isProxy(path) && typeof value === 'string' ? withoutUser(value) : value;
}

/** Returns every value of the merged document with the text it came from; secrets are replaced by `…`. */
export function originsOf(parts: readonly Part[]): readonly Origin[] {
  const merged = mergeDocuments(parts.map(({ document }) => document));
  const { apiVersion: _version, kind: _kind, ...fields } = merged ?? {};
  return leaves(fields, []).map(([path, value]) => {
    const from = parts.findLast(({ document }) => at(document, path) !== undefined);
    const name = path.join('.');
    return { path: name, value: shown(name, value), from: from?.source ?? '' };
  });
}

/** Returns a document in which nothing is secret: those values, and the content of files, are `…`. */
export function withoutSecretValues(document: NodeBootstrap): unknown {
  const hide = (value: unknown, path: Path): unknown => {
    if (isMap(value))
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, hide(item, [...path, key])]),
      );
    return shown(path.join('.'), value);
  };
  const files = document.files?.map((file) => ({
    path: file.path,
    mode: file.mode,
    content: '…',
  }));
  const { files: _files, ...rest } = document;
  const hidden = Object.entries(rest).map(([key, value]) => [key, hide(value, [key])]);
  return { ...Object.fromEntries(hidden), ...(files === undefined ? {} : { files }) };
}
