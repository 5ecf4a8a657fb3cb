import { EXIT, type ExitCode, KiosError } from '@kios/errors';

interface Fault {
  readonly event: string;
  readonly exitCode: ExitCode;
  /** Seconds until it is worth trying again. */
  readonly retrySeconds: number;
  readonly remedy: string;
}

/** Every way in which joining fails for now; a daemon logs it and tries again, `join` with `--timeout` ends with its exit code. */
export const FAULTS = {
  KIOS_BOOTSTRAP_DOCUMENT: {
    event: 'bad.document',
    exitCode: EXIT.data,
    retrySeconds: 30,
    remedy: 'Correct the bootstrap document on the seed volume; it is read again by itself.',
  },
  KIOS_BOOTSTRAP_FIELD: {
    event: 'bad.field',
    exitCode: EXIT.config,
    retrySeconds: 30,
    remedy: 'Correct that field of the bootstrap document; it is read again by itself.',
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
    remedy: "Correct what the message names in the machine's settings at its provider.",
  },
  KIOS_BOOTSTRAP_PLUGIN: {
    event: 'plugin.missing',
    exitCode: EXIT.config,
    retrySeconds: 60,
    remedy: 'Build an agent image that has the program in /plugins, or correct its name.',
  },
  KIOS_BOOTSTRAP_UNTRUSTED: {
    event: 'cluster.untrusted',
    exitCode: EXIT.unavailable,
    retrySeconds: 30,
    remedy: 'Compare caCertHashes or caBundle with the CA of the cluster.',
  },
  KIOS_BOOTSTRAP_TOKEN: {
    event: 'cluster.token_rejected',
    exitCode: EXIT.unavailable,
    retrySeconds: 30,
    remedy: 'Create the bootstrap token again, or put a living one into the bootstrap document.',
  },
  KIOS_BOOTSTRAP_UNSIGNED: {
    event: 'cluster.token_unknown',
    exitCode: EXIT.unavailable,
    retrySeconds: 5,
    remedy:
      'Create a bootstrap token with that id and usage `signing`, or correct the one in the document.',
  },
  KIOS_BOOTSTRAP_UNREACHABLE: {
    event: 'cluster.unreachable',
    exitCode: EXIT.unavailable,
    retrySeconds: 5,
    remedy: 'Check cluster.endpoint and that the network reaches it.',
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
    remedy: 'The configuration keeps changing: look at the file.written events before this one.',
  },
} as const satisfies Record<string, Fault>;

export type FaultCode = keyof typeof FAULTS;

/** An expected failure to join: stable code, event name and the time after which another try makes sense. */
export class BootstrapError extends KiosError {
  readonly fault: Fault;

  constructor(code: FaultCode, message: string, options: ErrorOptions = {}) {
    const fault: Fault = FAULTS[code];
    super(code, message, { ...options, exitCode: fault.exitCode, remedy: fault.remedy });
    this.fault = fault;
  }
}

/** A field that is missing, unknown or wrong; the message has its path. */
export const fieldError = (message: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_FIELD', message);
