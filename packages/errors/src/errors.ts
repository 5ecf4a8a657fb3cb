/** Exit codes of every kiOS program; the numbers are those of sysexits(3). */
export const EXIT = {
  ok: 0,
  usage: 64,
  data: 65,
  unavailable: 69,
  bug: 70,
  system: 71,
  permission: 77,
  config: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface KiosErrorOptions extends ErrorOptions {
  /** What the reader can do about it; one sentence, shown after the message. */
  readonly remedy?: string;
  readonly exitCode?: ExitCode;
}

/** An expected failure. The message reads `verb object to target`; `code` is stable and listed in docs/errors.md. */
export class KiosError extends Error {
  readonly code: string;
  readonly remedy: string | undefined;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, options: KiosErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.code = code;
    this.remedy = options.remedy;
    this.exitCode = options.exitCode ?? EXIT.bug;
  }
}

const textOf = (thrown: unknown): string => {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? typeof thrown);
};

/** The message of an error and of the causes below it, outermost first, joined by `: `. */
export function describe(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && parts.length < 8;) {
    parts.push(textOf(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(': ');
}
