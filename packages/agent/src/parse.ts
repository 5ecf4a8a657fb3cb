import * as v from 'valibot';

/** Describes a fault and its place. For objects it has its own words: valibot's quote the value, maybe a secret. */
function why(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? '(top)';
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return `${path}: not a known field`;
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
