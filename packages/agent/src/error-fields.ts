import { errorCode, KiosError } from '@kios/errors';

/** An error as it stands in a log line. */
export interface ErrorFields {
  readonly code: string | undefined;
  readonly message: string;
  readonly remedy: string | undefined;
  readonly errno: unknown;
  readonly stack: string | undefined;
  readonly cause: ErrorFields | undefined;
}

const MAX_CAUSES = 8;
const NOTHING = {
  code: undefined,
  remedy: undefined,
  errno: undefined,
  stack: undefined,
  cause: undefined,
};

/** A stack is for faults nobody expected; of those, the first frames tell enough. */
const stackOf = (error: Error): string | undefined =>
  error instanceof KiosError || 'errno' in error
    ? undefined
    : error.stack?.split('\n').slice(1, 6).join('\n').trim();

/** Code, message and chain of causes of anything that was thrown. */
export function errorFields(error: unknown, depth = 0): ErrorFields {
  if (!(error instanceof Error)) return { ...NOTHING, message: String(error) };
  const { message, cause } = error;
  return {
    code: errorCode(error),
    message,
    remedy: error instanceof KiosError ? error.remedy : undefined,
    errno: 'errno' in error ? error.errno : undefined,
    stack: stackOf(error),
    cause: cause === undefined || depth >= MAX_CAUSES ? undefined : errorFields(cause, depth + 1),
  };
}
