import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { errorCode, EXIT, KiosError } from '@kios/errors';

import { type Command, COMMANDS } from './commands.ts';

/** A command did not reach init: its socket is missing or nobody listens. */
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
  /** The number of attempts to connect to a socket that is not ready yet. */
  readonly attempts?: number;
  readonly retryMs?: number;
  /** The time that init has to close the connection. */
  readonly closeMs?: number;
}

const isNotReady = (error: unknown): boolean =>
  ['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '');

/**
 * Sends the bytes over one connection. Ends when init closes its side or after `closeMs`; init has the bytes by then.
 */
async function deliver(path: string, bytes: Uint8Array, closeMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ path });
  let late: NodeJS.Timeout | undefined;
  socket.on('error', reject).on('close', () => resolve());
  socket.on('connect', () => {
    socket.end(bytes);
    late = setTimeout(resolve, closeMs);
  });
  socket.resume(); // Without a reader the end of init's side would go unnoticed.
  try {
    await promise;
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

/**
 * Sends one command to init over the socket at `path`. Retries while the socket is missing or refuses, because pods may
 * start before init has made its sockets. Fails with a `ControlError` after the last attempt or on any other failure.
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
