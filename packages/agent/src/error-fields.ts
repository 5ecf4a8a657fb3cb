import { errorCode, KiosError } from '@kios/errors';

/** An error as a log line shows it. `message` stays `verb object`; only text for people gets "cannot " in front. */
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

/** Returns the first frames of an unexpected error's stack; expected errors have none. */
const stackOf = (error: Error): string | undefined =>
  error instanceof KiosError || 'errno' in error
    ? undefined
    : error.stack?.split('\n').slice(1, 6).join('\n').trim();

/** Returns code, message and chain of causes of anything thrown. */
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
