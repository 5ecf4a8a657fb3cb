import { describe, EXIT, KiosError, type ExitCode } from '@kios/errors';

import { plain } from './plain.ts';

/** A failure as the terminal shows it. */
export interface Explanation {
  /** `verb object to target`, which reads as a sentence after "cannot". */
  readonly message: string;
  readonly code: string;
  readonly remedy?: string;
  readonly exitCode: ExitCode;
}

type Known = Omit<Explanation, 'message'> & { readonly pattern: RegExp };

/** Causes that can occur at any depth, recognised by the words that the system and programs use for them. */
const KNOWN: readonly Known[] = [
  {
    pattern: /ENOSPC|No space left on device|no space left on device|Disk full/,
    code: 'KIOS_DISK_FULL',
    remedy:
      'Free some space: a build needs about 8 GiB below ~/.cache/kios, ~/.cache/go-build and the checkout.',
    exitCode: EXIT.system,
  },
  {
    pattern: /EADDRINUSE|[Aa]ddress already in use/,
    code: 'KIOS_PORT_IN_USE',
    remedy: 'Stop the program that listens on that port, then try again.',
    exitCode: EXIT.unavailable,
  },
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ENETUNREACH|Temporary failure resolving|Could not resolve|no such host|network is unreachable/,
    code: 'KIOS_NETWORK',
    remedy:
      'Check the network and the proxy settings, then try again: finished downloads are kept.',
    exitCode: EXIT.unavailable,
  },
];

/** Shortens a program's output to the failed operation and the one line that matches `pattern`. */
function essence(message: string, pattern: RegExp): string {
  const [first = '', ...rest] = message.split('\n');
  const cause = pattern.test(first) ? undefined : rest.find((line) => pattern.test(line));
  return cause === undefined ? first : `${first.split(': ')[0]}: ${cause.trim()}`;
}

/** Describes an error as operation and cause. Only a KiosError names its operation. */
function operationAndCause(error: unknown): string {
  const message = describe(error);
  return error instanceof KiosError
    ? message
    : `go on: ${message === '' ? 'unknown cause' : message}`;
}

/** Turns anything thrown into an explanation; whatever is neither a KiosError nor a known cause is a bug. */
export function explain(error: unknown): Explanation {
  const message = operationAndCause(error);
  const known = KNOWN.find((entry) => entry.pattern.test(message));
  if (known !== undefined) {
    const { pattern, code, exitCode, remedy } = known;
    return { message: essence(message, pattern), code, exitCode, ...remedyOf(remedy) };
  }
  if (error instanceof KiosError)
    return { message, code: error.code, exitCode: error.exitCode, ...remedyOf(error.remedy) };
  const remedy = 'Report this bug with the stack trace that KIOS_DEBUG=1 shows.';
  return { message, code: 'KIOS_BUG', exitCode: EXIT.bug, remedy };
}

const remedyOf = (remedy: string | undefined): { remedy?: string } =>
  remedy === undefined ? {} : { remedy };

/** Formats an explanation as lines: the failure and its code, a program's output indented, then the remedy. */
export function formatExplanation({ message, code, remedy }: Explanation): string[] {
  const [first = '', ...rest] = plain(message).trim().split('\n');
  return [
    `kios: cannot ${first} [${code}]`,
    ...rest.map((line) => `  ${line.trimEnd()}`),
    ...(remedy === undefined ? [] : [`kios: ${remedy}`]),
  ];
}
