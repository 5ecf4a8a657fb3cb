import * as v from 'valibot';

// Every check has its own message: valibot's quote the value, which may be a secret.
/** Returns the rule for a text; YAML takes what looks like a number for one. */
const mustBeText = ({ input }: { readonly input: unknown }): string =>
  typeof input === 'number' || typeof input === 'boolean'
    ? 'must be text; put it in quotes'
    : 'must be text';
/** A text, which may be empty. */
export const anyText = v.string(mustBeText);
export const text = v.pipe(anyText, v.minLength(1, 'must not be empty'));
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
