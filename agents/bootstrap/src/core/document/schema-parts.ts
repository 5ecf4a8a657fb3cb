import * as v from 'valibot';

// Every check has its own message: valibot's quote the value, which may be a secret.
export const text = v.pipe(v.string('must be text'), v.minLength(1, 'must not be empty'));
export const texts = v.array(text, 'must be a list of texts');

const isMap = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
// Not v.record, which accepts a list.
export const map = v.custom<Readonly<Record<string, unknown>>>(isMap, 'must be a map');
