import type { Warning } from './parsed-document.ts';
import { isMap } from './schema-parts.ts';
import { unknownName } from './unknown-field.ts';

/**
 * What another program's document has in a place. `value`: judged by a schema. `idle`: known, but a node does nothing
 * with it, which is said. `silent`: it concerns the other program alone.
 */
export type Shape =
  | 'value'
  | 'idle'
  | 'silent'
  | { readonly map: Readonly<Record<string, Shape>> }
  | { readonly list: Shape }
  | { readonly refused: string };

/** What is wrong with a document: faults refuse it, warnings leave something out. */
export class Notes {
  readonly faults: string[] = [];
  readonly warnings: Warning[] = [];
  /** Unknown fields that are like a known one: the reason why that is missing. */
  readonly misspelt: string[] = [];
  #unknown = 0;

  fault(path: Path, why: string): undefined {
    this.faults.push(`${path.join('.')}: ${why}`);
  }

  warn(path: Path, why: string): undefined {
    this.warnings.push({ path: path.join('.'), why });
  }

  unknown(path: Path, known: readonly string[]): undefined {
    const why = unknownName(path.at(-1) ?? '', known, { earlier: this.#unknown++ });
    this.warn(path, why);
    if (why.includes('; the nearest is ')) this.misspelt.push(`${path.join('.')}: ${why}`);
  }
}

export type Path = readonly string[];

/** Returns what a value is, in words. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value === null ? 'empty' : 'a map';
  return typeof value === 'string' ? 'text' : `a ${typeof value}`;
}

function tidyMap(
  input: unknown,
  fields: Readonly<Record<string, Shape>>,
  notes: Notes,
  path: Path,
): unknown {
  if (!isMap(input)) return notes.fault(path, `must be a map, and is ${kindOf(input)}`);
  const entries: [string, unknown][] = [];
  for (const [key, value] of Object.entries(input)) {
    const shape = Object.hasOwn(fields, key) ? fields[key] : undefined;
    const at = [...path, key];
    if (shape === undefined) {
      notes.unknown(at, Object.keys(fields));
      continue;
    }
    const tidied = tidy(value, shape, notes, at);
    if (tidied !== undefined) entries.push([key, tidied]);
  }
  return Object.fromEntries(entries);
}

/**
 * Returns the part of a document that a node reads; the rest is noted. An empty place is as absent, as other programs
 * take YAML's null.
 */
export function tidy(input: unknown, shape: Shape, notes: Notes, path: Path = []): unknown {
  if (input === null || input === undefined || shape === 'silent') return undefined;
  if (shape === 'value') return input;
  if (shape === 'idle') return notes.warn(path, 'it has no effect here');
  if ('refused' in shape) return notes.fault(path, shape.refused);
  if ('map' in shape) return tidyMap(input, shape.map, notes, path);
  if (!Array.isArray(input)) return notes.fault(path, `must be a list, and is ${kindOf(input)}`);
  return input.map((item: unknown, at) => tidy(item, shape.list, notes, [...path, String(at)]));
}
