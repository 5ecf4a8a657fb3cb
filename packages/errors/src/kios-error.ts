/** The exit codes of every kiOS program, numbered as in sysexits(3); 1 says no, as with grep(1) and test(1). */
export const EXIT = {
  ok: 0,
  no: 1,
  usage: 64,
  data: 65,
  noInput: 66,
  unavailable: 69,
  bug: 70,
  system: 71,
  permission: 77,
  config: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface KiosErrorOptions extends ErrorOptions {
  /** The way to mend the failure: one sentence with a full stop, shown after the message. */
  readonly remedy?: string;
  readonly exitCode?: ExitCode;
}

/**
 * An expected failure. The message reads `verb object to target`, and people see it after "cannot ". `code` is stable
 * and listed in docs/errors.md.
 */
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
