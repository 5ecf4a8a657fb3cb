import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { errorCode, EXIT, KiosError } from '@kios/errors';

import { type Command, COMMANDS } from './commands.ts';

/** Init could not be told: its socket is missing or nobody listens. */
export class ControlError extends KiosError {
  constructor(command: Command, path: string, cause: unknown) {
    super('KIOS_CONTROL', `send ${command} to ${path}`, {
      cause,
      exitCode: EXIT.system,
      remedy: 'Mount the control socket that grants this command into the pod.',
    });
  }
}

export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** How often a socket that is not there yet is tried. */
  readonly attempts?: number;
  readonly retryMs?: number;
  /** How long init may take to close the connection. */
  readonly closeMs?: number;
}

const isNotReady = (error: unknown): boolean =>
  ['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '');

/** One connection, the bytes, half-close; done when init closed its side or `closeMs` passed (init has the bytes either way). */
async function deliver(path: string, bytes: Uint8Array, closeMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ path });
  let late: NodeJS.Timeout | undefined;
  socket.on('error', reject).on('close', () => resolve());
  socket.on('connect', () => {
    socket.end(bytes);
    late = setTimeout(resolve, closeMs);
  });
  socket.resume(); // Without a reader the end of init's side is never seen.
  try {
    await promise;
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

/**
 * Asks init for one thing over the socket at `path`. A socket that is missing or refuses is tried again, because init makes its
 * sockets while pods may already start; any other failure, and the last of these, is a `ControlError`.
 */
export async function sendCommand(
  path: string,
  command: Command,
  options: SendOptions = {},
): Promise<void> {
  const { attempts = 10, retryMs = 500, closeMs = 1000 } = options;
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    const failure = await deliver(path, Uint8Array.of(COMMANDS[command]), closeMs).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    if (attempt >= attempts || !isNotReady(failure)) throw new ControlError(command, path, failure);
    await delay(retryMs, undefined, options);
  }
}
