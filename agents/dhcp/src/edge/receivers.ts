import type { Logger } from '@kios/agent';
import { DecodeError } from '@kios/bytes';
import { describe } from '@kios/errors';
import { isErrno } from '@kios/syscall';

import { acceptReply, type Reply } from '../core/replies.ts';
import type { Identity } from '../core/requests.ts';
import { type Incoming, isPassing } from './dhcp-socket.ts';

/**
 * Reads messages until the socket is closed or the signal raised. What is not for us is dropped in silence unless
 * debugging: on a busy network that is most of it.
 */
export async function receiveReplies(
  receive: () => Promise<Incoming>,
  identity: Identity,
  deliver: (reply: Reply) => void,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const { message, source } = await receive();
      deliver(acceptReply(identity, message, source));
    } catch (error) {
      if (signal.aborted || isErrno(error, 'ECANCELED', 'EBADF')) return;
      if (!(error instanceof DecodeError) && !isPassing(error)) throw error;
      log.debug({ ev: 'rx.drop', why: describe(error) });
    }
  }
}
