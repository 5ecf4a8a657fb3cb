import { EXIT, KiosError } from '@kios/errors';

/** What keeps a system from being staged. The agent says each on its Node and in its log. */
const REMEDIES = {
  KIOS_UPDATE_UNMANAGED:
    'Flash the machine with an image of this or a later version; it then updates by itself.',
  KIOS_UPDATE_TRIAL: 'Wait: init confirms the running system, or the machine goes back.',
  KIOS_UPDATE_FAILED:
    'Publish another system, or let this node try again: kubectl annotate node NAME kios.dev/retry=1.',
  KIOS_UPDATE_IMAGE: 'Publish the system again, and name it by its digest.',
  KIOS_UPDATE_SIGNATURE:
    'Build the system with a key that this machine trusts, or give the machine the new one first (docs/secure-boot.md).',
  KIOS_UPDATE_ARCH: 'Publish the system for all architectures of the cluster together.',
  KIOS_UPDATE_BOARD:
    'Publish the system from a ./kios build --arch arm64 with the kernel kios, which has the parts for boards.',
  KIOS_UPDATE_MEASURED:
    'Build the system with the --pcr-key of the running one (docs/encryption.md), and publish that.',
  KIOS_UPDATE_MODULES:
    'Publish the system again, by a ./kios publish that sends modules.erofs, or remove that file from the machine.',
  KIOS_UPDATE_SKEW: 'Update the control plane first, or name a system whose kubelet fits it.',
  KIOS_UPDATE_FULL: 'Remove what does not belong there from the first partition of the medium.',
  KIOS_UPDATE_SLOTS:
    'Reboot the node, so that init mends the medium; if that is no help, flash it.',
  KIOS_UPDATE_ESP: 'See what init says of the partition on the console; the agent tries again.',
  KIOS_UPDATE_WRITE: 'Replace the medium if this happens again: it does not keep what is written.',
  KIOS_UPDATE_API: 'Check that the node reaches the API server; the agent tries again.',
  KIOS_UPDATE_UNTRUSTED:
    'Name the API server with --server as the certificate authority of the service account knows it.',
  KIOS_UPDATE_SETUP: 'Apply examples/update/update.yaml again, all of it.',
} as const;

export type UpdateCode = keyof typeof REMEDIES;

/** Why nothing is written: it reads well after "cannot". */
export interface Told {
  readonly code: string;
  readonly message: string;
}

/** Such a cause that this agent finds by itself. */
export interface Refusal extends Told {
  readonly code: UpdateCode;
}

/** An expected failure of this agent. */
export class UpdateError extends KiosError {
  override readonly code: UpdateCode;

  constructor(code: UpdateCode, message: string, options: ErrorOptions = {}) {
    super(code, message, { ...options, exitCode: EXIT.unavailable, remedy: REMEDIES[code] });
    this.code = code;
  }
}
