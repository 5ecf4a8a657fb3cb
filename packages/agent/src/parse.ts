import * as v from 'valibot';

/** One to three words of letters, each with two digits at most: so fields are named, and secrets are not. */
const FIELD_NAME = /^[A-Za-z]+\d{0,2}[A-Za-z]*(?:[-_./][A-Za-z]+\d{0,2}[A-Za-z]*){0,2}$/;
const LONGEST_NAME = 64;

/** Returns the name of a field that nobody knows for a message. A broken line may put a secret in its place. */
export const shownName = (name: string): string =>
  name.length <= LONGEST_NAME && FIELD_NAME.test(name) ? name : '(a name that may be a secret)';

/** Returns the place of a field that its map does not have. */
function unknownPath(issue: v.BaseIssue<unknown>): string {
  const keys = (issue.path ?? []).map(({ key }) => String(key));
  return [...keys.slice(0, -1), shownName(keys.at(-1) ?? '')].join('.');
}

/** Describes a fault and its place. For objects it has its own words: valibot's quote the value, maybe a secret. */
function why(issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return `${unknownPath(issue)}: not a known field`;
  const path = v.getDotPath(issue) ?? '(top)';
  const isObject = issue.type === 'strict_object' || issue.type === 'object';
  if (isObject && issue.received === 'undefined') return `${path}: is required`;
  // A schema's own words say more than valibot's, which begin like this.
  if (isObject && issue.message.startsWith('Invalid ')) return `${path}: must be a map`;
  return `${path}: ${issue.message}`;
}

/**
 * Turns untrusted input into typed values; the code behind it may trust them. It is pure, so that cores can use it.
 * `fault` makes the error from a message that names the source, the path in it and the fault.
 */
export function parse<const Schema extends v.GenericSchema>(
  schema: Schema,
  source: string,
  input: unknown,
  fault: (message: string) => Error,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  throw fault(`read ${source}: ${result.issues.map(why).join('; ')}`);
}
