import * as v from 'valibot';

/** What is wrong and where, in words; valibot's own would quote the value, and values may be secrets. */
function why(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? '(top)';
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return `${path}: not a known field`;
  if (issue.type === 'strict_object' && issue.received === 'undefined')
    return `${path}: is required`;
  if (issue.type === 'strict_object' || issue.type === 'object') return `${path}: must be a map`;
  return `${path}: ${issue.message}`;
}

/**
 * The border between text somebody wrote and typed values: everything behind it may trust its input. Pure, so that cores can use it;
 * `fault` makes the error from the message, which names the source, the path in it and the cause.
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
