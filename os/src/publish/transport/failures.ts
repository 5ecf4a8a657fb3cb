import { EXIT, KiosError } from '@kios/errors';

import { causeIn } from '../../build/sources/oras-output.ts';
import type { Target } from '../target.ts';

const DENIED =
  /status code 40[13]\b|unauthorized|(?<!permission )\bdenied\b|resolve credential|credential(?:s are required| not found)/i;

interface Kind {
  readonly code: string;
  readonly pattern: RegExp;
  readonly remedy: (registry: string) => string;
}

const KINDS: readonly Kind[] = [
  {
    code: 'KIOS_PUBLISH_DENIED',
    pattern: DENIED,
    remedy: (registry) => `Run docker login ${registry} with an account that may push there.`,
  },
  {
    code: 'KIOS_PUBLISH_TLS',
    pattern: /x509|certificate|server gave HTTP response to HTTPS client|tls: /i,
    remedy: () => 'Give the certificate of the registry’s authority with --ca.',
  },
];

/** Describes a failure of oras by the end of its output. */
export function failureOf(target: Target, what: string, output: string): KiosError {
  const cause = causeIn(output);
  const kind = KINDS.find(({ pattern }) => pattern.test(cause));
  return new KiosError(kind?.code ?? 'KIOS_PUBLISH', `${what}: ${cause}`, {
    exitCode: kind?.code === 'KIOS_PUBLISH_DENIED' ? EXIT.permission : EXIT.unavailable,
    remedy:
      kind?.remedy(target.registry) ??
      'Check that the registry works and has the repository, then run the command again: what was sent is not sent twice.',
  });
}
