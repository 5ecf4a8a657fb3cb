import * as v from 'valibot';

// Every check has its own message: valibot's quote the value, which may be a secret.
export const text = v.pipe(v.string('must be text'), v.minLength(1, 'must not be empty'));
export const texts = v.array(text, 'must be a list of texts');

export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
// Not v.record, which accepts a list.
export const map = v.custom<Readonly<Record<string, unknown>>>(isMap, 'must be a map');

const pathItem = (key: string): v.IssuePathItem => ({
  type: 'unknown',
  origin: 'value',
  input: undefined,
  key,
  value: undefined,
});

/** Returns a path in the form of valibot's issues, of which only the keys are read. */
export const issuePath = ([first, ...rest]: readonly [string, ...string[]]): [
  v.IssuePathItem,
  ...v.IssuePathItem[],
] => [pathItem(first), ...rest.map(pathItem)];
