import { KiosError } from './kios-error.ts';

const textOf = (thrown: unknown): string => {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? typeof thrown);
};

/** Returns the message of an error and of its causes, outermost first, joined by `: `. */
export function describe(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && parts.length < 8;) {
    parts.push(textOf(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(': ');
}

/**
 * Returns an error as people read it: "cannot read x: permission denied". Only a `KiosError` gets the "cannot", because
 * only its message begins with a verb. `text` replaces the description where a caller shortens it.
 */
export function sentence(error: unknown, text: string = describe(error)): string {
  return error instanceof KiosError ? `cannot ${text}` : text;
}

/** Returns the symbolic code of a system call's error (`ENOENT`) or of a `KiosError`. */
export function errorCode(error: unknown): string | undefined {
  const hasCode = error instanceof Error && 'code' in error && typeof error.code === 'string';
  return hasCode ? String(error.code) : undefined;
}
