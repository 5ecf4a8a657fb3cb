import { shownName } from '@kios/agent/parse';

import { isMap } from './schema-parts.ts';
import { unknownName } from './unknown-field.ts';

/** A place in which no value is right. */
export class Refused {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/**
 * What a document has in a place: the name of a type, a list with the shape of its items, or a map with the shape of
 * each field. The key `*` of a map stands for every key. Besides types there are `any`, which others judge, `idle`:
 * known, but without effect here, which is said, and `silent`: it concerns another program alone.
 */
export type Shape = string | Refused | readonly Shape[] | { readonly [field: string]: Shape };

export type Path = readonly [string, ...string[]];

/** A place in a value that its shape does not have. A `wrong` one refuses the document, the others are left out. */
export interface Misfit {
  readonly path: Path;
  readonly why: string;
  readonly kind: 'wrong' | 'unknown' | 'idle';
}

const wholeFrom =
  (least: number, most: number) =>
  (value: unknown): string | undefined => {
    if (typeof value !== 'number') return 'must be a number';
    if (!Number.isInteger(value)) return 'must be a whole number';
    return value < least || value > most ? `must be from ${least} to ${most}` : undefined;
  };

function textFault(value: unknown): string | undefined {
  if (typeof value === 'string') return undefined;
  const isBare = typeof value === 'number' || typeof value === 'boolean';
  return isBare ? 'must be text; put it in quotes' : 'must be text';
}

/** As time.ParseDuration of Go reads it. */
const DURATION = /^[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
/** As resource.ParseQuantity of k8s.io/apimachinery reads it. */
const QUANTITY = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[KMGTPE]i|[numkMGTPE]|[eE][-+]?\d+)?$/;

function durationFault(value: unknown): string | undefined {
  const isDuration = typeof value === 'string' && DURATION.test(value);
  return isDuration ? undefined : 'must be a duration such as 10s';
}

function quantityFault(value: unknown): string | undefined {
  const isQuantity =
    typeof value === 'number' || (typeof value === 'string' && QUANTITY.test(value));
  return isQuantity ? undefined : 'must be a quantity such as 128Mi';
}

// Beyond these a number has lost digits when YAML is read.
const int64 = wholeFrom(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

/** Says why a value does not have the type. A type without an entry takes any value. */
const TYPES: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  string: textFault,
  bool: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
  int32: wholeFrom(-(2 ** 31), 2 ** 31 - 1),
  uint32: wholeFrom(0, 2 ** 32 - 1),
  int64,
  float64: (value) => (typeof value === 'number' ? undefined : 'must be a number'),
  duration: durationFault,
  durationOrInt64: (value) => (int64(value) === undefined ? undefined : durationFault(value)),
  quantity: quantityFault,
};

/** Returns what a value is, in words. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value === null ? 'empty' : 'a map';
  return typeof value === 'string' ? 'text' : `a ${typeof value}`;
}

const isList = (shape: Shape): shape is readonly Shape[] => Array.isArray(shape);

function pathTo([first, ...rest]: readonly string[], name: string): Path {
  return first === undefined ? [name] : [first, ...rest, name];
}

/** The one walk through documents beside their shapes. It notes every place that does not fit. */
export class Walk {
  readonly misfits: Misfit[] = [];
  #unknown = 0;

  wrong(path: Path, why: string | undefined): undefined {
    if (why !== undefined) this.misfits.push({ path, why, kind: 'wrong' });
  }

  /** Returns a map without the fields that have no place in its shape. */
  fitMap(
    fields: Readonly<Record<string, Shape>>,
    value: Readonly<Record<string, unknown>>,
    path: readonly string[] = [],
  ): Readonly<Record<string, unknown>> {
    const every = fields['*'];
    const kept: [string, unknown][] = [];
    for (const [name, item] of Object.entries(value)) {
      const at = pathTo(path, name);
      const shape = every ?? (Object.hasOwn(fields, name) ? fields[name] : undefined);
      const fitting =
        shape === undefined ? this.#noteUnknown(path, name, fields) : this.fit(shape, item, at);
      if (fitting !== undefined) kept.push([name, fitting]);
    }
    return Object.fromEntries(kept);
  }

  /** Returns the part of a value that fits; undefined when nothing of it does. */
  fit(shape: Shape, value: unknown, path: Path): unknown {
    if (typeof shape === 'string') return this.#fitLeaf(shape, value, path);
    if (shape instanceof Refused) return this.wrong(path, shape.why);
    if (isList(shape)) return this.#fitList(shape, value, path);
    if (isMap(value)) return this.fitMap(shape, value, path);
    return this.wrong(path, `must be a map, and is ${kindOf(value)}`);
  }

  #fitLeaf(type: string, value: unknown, path: Path): unknown {
    if (type === 'silent') return undefined;
    if (type === 'idle')
      return void this.misfits.push({ path, why: 'it has no effect here', kind: 'idle' });
    this.wrong(path, TYPES[type]?.(value));
    return value;
  }

  #fitList([item = 'any']: readonly Shape[], value: unknown, path: Path): unknown {
    if (!Array.isArray(value)) return this.wrong(path, `must be a list, and is ${kindOf(value)}`);
    return value.map((one: unknown, at) => this.fit(item, one, [...path, String(at)]));
  }

  #noteUnknown(
    above: readonly string[],
    name: string,
    fields: Readonly<Record<string, Shape>>,
  ): undefined {
    const why = unknownName(name, Object.keys(fields), { earlier: this.#unknown++ });
    this.misfits.push({ path: pathTo(above, shownName(name)), why, kind: 'unknown' });
  }
}

/** Compares the fields of a map with a shape, and returns every place that does not fit. */
export function misfitsOf(
  shape: Readonly<Record<string, Shape>>,
  value: Readonly<Record<string, unknown>>,
): readonly Misfit[] {
  const walk = new Walk();
  walk.fitMap(shape, value);
  return walk.misfits;
}
