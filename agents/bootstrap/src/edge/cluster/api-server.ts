import { type ApiServer, openApiServer as open } from '@kios/kube-api';

import { BootstrapError } from '../../core/faults/errors.ts';

export type { ApiAnswer, ApiRequest, ApiServer, ClientPair } from '@kios/kube-api';

const CODES = {
  late: 'KIOS_BOOTSTRAP_UNREACHABLE',
  unreachable: 'KIOS_BOOTSTRAP_UNREACHABLE',
  untrusted: 'KIOS_BOOTSTRAP_UNTRUSTED',
} as const;

/**
 * Opens the API server at `endpoint` (`https://host:port`). Its failures are BootstrapErrors: untrusted or unreachable.
 */
export const openApiServer = (
  endpoint: string,
  resolvConf: string,
  signal: AbortSignal,
): ApiServer =>
  open({
    endpoint,
    resolvConf,
    signal,
    failed: (fault, message) =>
      new BootstrapError(CODES[fault], message, { isLate: fault === 'late' }),
  });
