import { EXIT, type ExitCode, KiosError } from '@kios/errors';

interface Fault {
  readonly event: string;
  readonly exitCode: ExitCode;
  /** Seconds until a retry is worthwhile. */
  readonly retrySeconds: number;
  readonly remedy: string;
}

/**
 * The faults of joining. `watch` logs them and tries again; `join` ends with their exit code, at once or at
 * `--timeout`.
 */
export const FAULTS = {
  KIOS_BOOTSTRAP_DOCUMENT: {
    event: 'bad.document',
    exitCode: EXIT.data,
    retrySeconds: 30,
    remedy:
      'Correct the document that the message names; docs/bootstrap.md says when a node reads it again.',
  },
  KIOS_BOOTSTRAP_FIELD: {
    event: 'bad.field',
    exitCode: EXIT.config,
    retrySeconds: 30,
    remedy:
      'Correct that field where the message says; docs/bootstrap.md says when a node reads it again.',
  },
  KIOS_BOOTSTRAP_URL: {
    event: 'bad.address',
    exitCode: EXIT.config,
    retrySeconds: 60,
    remedy: 'Use https, or append #sha256= and the SHA-256 of the document to the address.',
  },
  KIOS_BOOTSTRAP_METADATA: {
    event: 'imds.failed',
    exitCode: EXIT.unavailable,
    retrySeconds: 5,
    remedy: 'Check that the metadata service of this machine is switched on and reachable.',
  },
  KIOS_BOOTSTRAP_METADATA_REFUSED: {
    event: 'imds.refused',
    exitCode: EXIT.config,
    retrySeconds: 60,
    remedy: 'Correct the setting that the message names, at the provider or in the manifest.',
  },
  KIOS_BOOTSTRAP_PLUGIN: {
    event: 'plugin.missing',
    exitCode: EXIT.config,
    retrySeconds: 60,
    remedy: 'Correct the name of the program, or build an agent image that has it in /plugins.',
  },
  KIOS_BOOTSTRAP_CLOCK: {
    event: 'clock.wrong',
    exitCode: EXIT.unavailable,
    retrySeconds: 5,
    remedy: 'Give the network a time server (DHCP option 42), or set the clock of the machine.',
  },
  KIOS_BOOTSTRAP_UNTRUSTED: {
    event: 'cluster.untrusted',
    exitCode: EXIT.unavailable,
    retrySeconds: 30,
    remedy: 'Compare caCertHashes or caBundle with the CA of the cluster.',
  },
  KIOS_BOOTSTRAP_CLUSTER_INFO: {
    event: 'cluster.info',
    exitCode: EXIT.unavailable,
    retrySeconds: 5,
    remedy:
      'Run `kubeadm init phase bootstrap-token` on a control plane, which publishes kube-public/cluster-info, or give the document caBundle in place of caCertHashes.',
  },
  KIOS_BOOTSTRAP_TOKEN: {
    event: 'cluster.token_rejected',
    exitCode: EXIT.unavailable,
    retrySeconds: 30,
    remedy: 'Create the bootstrap token again, or put a valid one into the bootstrap document.',
  },
  KIOS_BOOTSTRAP_UNSIGNED: {
    event: 'cluster.token_unknown',
    exitCode: EXIT.unavailable,
    retrySeconds: 5,
    remedy:
      'Create a new token (`kubeadm token create --print-join-command`): those of kubeadm expire after 24 hours. One that is there needs the usage `signing`.',
  },
  KIOS_BOOTSTRAP_UNREACHABLE: {
    event: 'cluster.unreachable',
    exitCode: EXIT.unavailable,
    retrySeconds: 5,
    remedy: 'Check cluster.endpoint and that the network reaches it.',
  },
  KIOS_BOOTSTRAP_MOVE: {
    event: 'cluster.unproven',
    exitCode: EXIT.unavailable,
    retrySeconds: 5,
    remedy:
      'Make the API server of the new cluster reachable, or take the new document back; until then the node stays.',
  },
  KIOS_BOOTSTRAP_ATTEST: {
    event: 'attest.failed',
    exitCode: EXIT.unavailable,
    retrySeconds: 60,
    remedy:
      "Turn the TPM on in the firmware's menu and build with --pcr-key, or take auth.attest out of the document (docs/attestation.md).",
  },
  KIOS_BOOTSTRAP_DENIED: {
    event: 'attest.denied',
    exitCode: EXIT.unavailable,
    retrySeconds: 300,
    remedy:
      'Read the log of the approver, and correct its lists of machines and systems if this node is to join (docs/attestation.md).',
  },
  KIOS_BOOTSTRAP_WRITE: {
    event: 'write.failed',
    exitCode: EXIT.system,
    retrySeconds: 30,
    remedy: 'Check that /etc is writable and the data partition is not full.',
  },
  KIOS_BOOTSTRAP_RESTART_LOOP: {
    event: 'restart.loop',
    exitCode: EXIT.unavailable,
    retrySeconds: 600,
    remedy:
      'Find out what keeps changing the files: the file.written events before this one name them.',
  },
} as const satisfies Record<string, Fault>;

export type FaultCode = keyof typeof FAULTS;

interface BootstrapErrorOptions extends ErrorOptions {
  readonly isLate?: boolean;
  /** The way to mend this one, where it is better known than that of its code. */
  readonly remedy?: string | undefined;
}

/** An expected failure to join, with its event and the time until a retry is worthwhile. */
export class BootstrapError extends KiosError {
  readonly fault: Fault;
  readonly faultCode: FaultCode;
  /** The server took its time: what it would have sent is unknown. */
  readonly isLate: boolean;

  constructor(
    code: FaultCode,
    message: string,
    { isLate = false, remedy, ...options }: BootstrapErrorOptions = {},
  ) {
    const fault: Fault = FAULTS[code];
    super(code, message, {
      ...options,
      exitCode: fault.exitCode,
      remedy: remedy ?? fault.remedy,
    });
    this.faultCode = code;
    this.fault = fault;
    this.isLate = isLate;
  }
}

export const hasCode = (error: unknown, code: FaultCode): boolean =>
  error instanceof BootstrapError && error.code === code;

/** Returns the error for a field that is missing, unknown or wrong; the message has its path. */
export const fieldError = (message: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_FIELD', message);

/** Runs work and gives its faults the remedy of the place where their document is. */
export function withRemedy<Result>(remedy: string | undefined, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (remedy === undefined || !(error instanceof BootstrapError)) throw error;
    const { faultCode, message, cause } = error;
    throw new BootstrapError(faultCode, message, { remedy, cause });
  }
}
