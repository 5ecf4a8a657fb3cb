import { isMap } from './schema-parts.ts';

/** What the top of a YAML or JSON text says of it. */
export interface Top {
  readonly keys: ReadonlySet<string>;
  /** Of each document in it. */
  readonly heads: readonly { readonly apiVersion: string; readonly kind: string }[];
  readonly text: string;
}

const scalar = (value: unknown): string => (typeof value === 'string' ? value : '');

const MAX_JSON = 64 * 1024;

function topOfJson(text: string): Top {
  let json: unknown;
  try {
    // Documents of these kinds are small; a large one of ours is counted before it is parsed.
    json = text.length > MAX_JSON ? undefined : JSON.parse(text);
  } catch {
    json = undefined;
  }
  const map = isMap(json) ? json : {};
  const head = { apiVersion: scalar(map['apiVersion']), kind: scalar(map['kind']) };
  return { keys: new Set(Object.keys(map)), heads: [head], text };
}

/** Looks at the lines without indentation alone: the text may be no YAML at all. */
export function topOf(text: string): Top {
  if (text.startsWith('{')) return topOfJson(text);
  const heads = text.split(/^---(?:\s|$)/m).map((document) => ({
    apiVersion: /^apiVersion:\s*["']?([^\s"'#]+)/m.exec(document)?.[1] ?? '',
    kind: /^kind:\s*["']?([^\s"'#]+)/m.exec(document)?.[1] ?? '',
  }));
  const keys = [...text.matchAll(/^["']?([A-Za-z_][\w.-]*)["']?[ \t]*:(?:\s|$)/gm)];
  return { keys: new Set(keys.map(([, key]) => key ?? '')), heads, text };
}
