import { isMap } from './schema-parts.ts';
import { unknownName } from './unknown-field.ts';

/**
 * The types of a document's fields: the name of a type, a list with the type of its items, or a map with the type of
 * each field. The key `*` of a map stands for every key.
 */
export type Shape = string | readonly Shape[] | { readonly [field: string]: Shape };

type Path = readonly [string, ...string[]];

/** A place in a value that its shape does not have. A field that is not known may be left out; a wrong type may not. */
export interface Misfit {
  readonly path: Path;
  readonly why: string;
  readonly isUnknown: boolean;
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

const misfit = (path: Path, why: string | undefined): readonly Misfit[] =>
  why === undefined ? [] : [{ path, why, isUnknown: false }];

const isList = (shape: Shape): shape is readonly Shape[] => Array.isArray(shape);

function misfitsAt(shape: Shape, value: unknown, path: Path): readonly Misfit[] {
  if (typeof shape === 'string') return misfit(path, TYPES[shape]?.(value));
  if (!isList(shape))
    return isMap(value) ? misfitsOf(shape, value, path) : misfit(path, 'must be a map');
  const [item = 'any'] = shape;
  return Array.isArray(value)
    ? value.flatMap((one: unknown, index) => misfitsAt(item, one, [...path, String(index)]))
    : misfit(path, 'must be a list');
}

/** Compares the fields of a map with a shape, and returns every place that does not fit. */
export function misfitsOf(
  shape: Readonly<Record<string, Shape>>,
  value: Readonly<Record<string, unknown>>,
  path: readonly string[] = [],
): readonly Misfit[] {
  const every = shape['*'];
  const known = Object.keys(shape);
  let earlier = 0;
  return Object.entries(value).flatMap(([name, item]) => {
    const [first, ...rest] = [...path, name];
    const at: Path = [first ?? name, ...rest];
    const own = every ?? (Object.hasOwn(shape, name) ? shape[name] : undefined);
    return own === undefined
      ? [{ path: at, why: unknownName(name, known, { earlier: earlier++ }), isUnknown: true }]
      : misfitsAt(own, item, at);
  });
}
