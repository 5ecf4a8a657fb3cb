import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { openUnixDatagram } from '@kios/syscall';

import {
  type Command,
  COMMAND,
  decodeReply,
  decodeTracking,
  encodeRequest,
  type Reply,
  type Tracking,
} from '../../core/chronyd/candm.ts';

const ANSWER_WITHIN_MS = 1000;
const OWN_NAME = /^kios-[0-9a-f]{12}\.sock$/;

/** Removes sockets that killed runs left beside chronyd's. */
export function removeStaleSockets(socket: string): void {
  const dir = path.dirname(socket);
  for (const name of readdirSync(dir)) {
    if (OWN_NAME.test(name)) rmSync(path.join(dir, name), { force: true });
  }
}

/** Sends one command and waits for its answer. Fails when chronyd is not there, is silent, or refuses. */
async function ask(socket: string, command: Command, signal: AbortSignal): Promise<Reply> {
  const own = path.join(path.dirname(socket), `kios-${randomBytes(6).toString('hex')}.sock`);
  using channel = openUnixDatagram(socket, own);
  const sequence = randomInt(2 ** 32);
  channel.send(encodeRequest(command, sequence));
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
  for (;;) {
    const reply = decodeReply(await channel.receive(deadline));
    if (reply.sequence !== sequence || reply.command !== command) continue;
    if (reply.status === 0) return reply;
    throw new KiosError(
      'KIOS_CHRONYD_REFUSED',
      `ask chronyd for ${command}: status ${reply.status}`,
      {
        exitCode: EXIT.unavailable,
      },
    );
  }
}

/** A running chronyd, asked over its command socket. */
export interface Chronyd {
  /** Makes chronyd read its source files again. */
  reloadSources(signal: AbortSignal): Promise<void>;
  tracking(signal: AbortSignal): Promise<Tracking>;
}

export function chronydAt(socket: string): Chronyd {
  return {
    reloadSources: async (signal) => {
      await ask(socket, COMMAND.reloadSources, signal);
    },
    tracking: async (signal) => decodeTracking(await ask(socket, COMMAND.tracking, signal)),
  };
}
