import { describe, EXIT, KiosError, type ExitCode } from '@kios/errors';

/** A failure as the person at the terminal gets it. */
export interface Explanation {
  readonly message: string;
  readonly code: string;
  readonly remedy?: string;
  readonly exitCode: ExitCode;
}

type Known = Omit<Explanation, 'message'> & { readonly pattern: RegExp };

/** Causes that every layer below can run into, recognised by what system and programs say of them. */
const KNOWN: readonly Known[] = [
  {
    pattern: /ENOSPC|No space left on device|no space left on device|Disk full/,
    code: 'KIOS_DISK_FULL',
    remedy:
      'free some space (a build needs about 8 GiB below ~/.cache/kios, ~/.cache/go-build and the checkout)',
    exitCode: EXIT.system,
  },
  {
    pattern: /EADDRINUSE|[Aa]ddress already in use/,
    code: 'KIOS_PORT_IN_USE',
    remedy: 'another program listens on that port; stop it and try again',
    exitCode: EXIT.unavailable,
  },
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ENETUNREACH|Temporary failure resolving|Could not resolve|no such host|network is unreachable/,
    code: 'KIOS_NETWORK',
    remedy: 'check the network and the proxy settings; what was fetched already is kept',
    exitCode: EXIT.unavailable,
  },
];

/** What was done, and the one line that tells why it failed, of all that the program printed around it. */
function essence(message: string, pattern: RegExp): string {
  const [first = '', ...rest] = message.split('\n');
  const cause = pattern.test(first) ? undefined : rest.find((line) => pattern.test(line));
  return cause === undefined ? first : `${first.split(': ')[0]}: ${cause.trim()}`;
}

/** What to tell of an error. A programming mistake keeps its message, a stack trace is only for KIOS_DEBUG. */
export function explain(error: unknown): Explanation {
  const message = describe(error);
  const known = KNOWN.find((entry) => entry.pattern.test(message));
  if (known !== undefined) {
    const { pattern, code, exitCode, remedy } = known;
    return { message: essence(message, pattern), code, exitCode, ...remedyOf(remedy) };
  }
  if (error instanceof KiosError)
    return { message, code: error.code, exitCode: error.exitCode, ...remedyOf(error.remedy) };
  return {
    message: message === '' ? 'unknown failure' : message,
    code: 'KIOS_BUG',
    exitCode: EXIT.bug,
    remedy: 'this should not happen; KIOS_DEBUG=1 shows where it did',
  };
}

const remedyOf = (remedy: string | undefined): { remedy?: string } =>
  remedy === undefined ? {} : { remedy };

/** Lines of an explanation: the first says all of it, what a program printed follows indented, then the remedy. */
export function formatExplanation({ message, code, remedy }: Explanation): string[] {
  const [first = '', ...rest] = message.trim().split('\n');
  return [
    `kios: ${first} [${code}]`,
    ...rest.map((line) => `  ${line.trimEnd()}`),
    ...(remedy === undefined ? [] : [`kios: ${remedy}`]),
  ];
}
