import { EXIT, KiosError } from '@kios/errors';

/** What keeps this agent from the API server. It logs each and tries again. */
const REMEDIES = {
  KIOS_LIFECYCLE_API: 'Check that the node reaches the API server; the agent tries again.',
  KIOS_LIFECYCLE_EVICT: 'Change what denies it, or delete the pod; the agent tries again.',
  KIOS_LIFECYCLE_UNTRUSTED:
    'Name the API server with --server as the certificate authority of the service account knows it.',
  KIOS_LIFECYCLE_SETUP: 'Apply examples/lifecycle/lifecycle.yaml again, all of it.',
} as const;

export type LifecycleCode = keyof typeof REMEDIES;

/** An expected failure of this agent. */
export class LifecycleError extends KiosError {
  constructor(code: LifecycleCode, message: string, options: ErrorOptions = {}) {
    super(code, message, { ...options, exitCode: EXIT.unavailable, remedy: REMEDIES[code] });
  }
}
