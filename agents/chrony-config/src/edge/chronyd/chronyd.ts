import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { openUnixDatagram } from '@kios/syscall';

import {
  burstData,
  type Command,
  COMMAND,
  decodeMeasurement,
  decodeReply,
  decodeSourceCount,
  decodeTracking,
  encodeRequest,
  indexData,
  type Measurement,
  onlineData,
  type Reply,
  type Tracking,
} from '../../core/chronyd/candm.ts';

const REPLY_WITHIN_MS = 1000;
/** As `iburst`: so many good samples end it, and it takes so many requests at most, two seconds apart. */
const BURST = { good: 4, total: 8 } as const;
const OWN_NAME = /^kios-[0-9a-f]{12}\.sock$/;

/** Removes the sockets that killed runs of this agent left beside chronyd's. */
export function removeStaleSockets(socket: string): void {
  const dir = path.dirname(socket);
  for (const name of readdirSync(dir)) {
    if (OWN_NAME.test(name)) rmSync(path.join(dir, name), { force: true });
  }
}

/** Sends one command and returns the reply. Fails when chronyd is not running, does not reply, or refuses. */
async function ask(
  socket: string,
  command: Command,
  signal: AbortSignal,
  data?: Uint8Array,
): Promise<Reply> {
  const own = path.join(path.dirname(socket), `kios-${randomBytes(6).toString('hex')}.sock`);
  using channel = openUnixDatagram(socket, own);
  const sequence = randomInt(2 ** 32);
  channel.send(encodeRequest(command, sequence, data));
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(REPLY_WITHIN_MS)]);
  for (;;) {
    const reply = decodeReply(await channel.receive(deadline));
    if (reply.sequence !== sequence || reply.command !== command) continue;
    if (reply.status === 0) return reply;
    throw new KiosError(
      'KIOS_CHRONYD_REFUSED',
      `run chronyd's command ${command}: chronyd replied with status ${reply.status}`,
      {
        exitCode: EXIT.unavailable,
      },
    );
  }
}

/** A running chronyd, reached through its command socket. */
export interface Chronyd {
  /** Makes chronyd read its source files again. */
  reloadSources(signal: AbortSignal): Promise<void>;
  tracking(signal: AbortSignal): Promise<Tracking>;
  measurements(signal: AbortSignal): Promise<readonly Measurement[]>;
  /** Makes chronyd ask a source at once, by its IP address, several times in a row. */
  askNow(source: string, signal: AbortSignal): Promise<void>;
  /** Makes chronyd correct the whole offset at once. */
  step(signal: AbortSignal): Promise<void>;
  /** Ends chronyd, which forgets the correction it is making. Its container then starts again. */
  shutDown(signal: AbortSignal): Promise<void>;
}

export function chronydAt(socket: string): Chronyd {
  return {
    reloadSources: async (signal) => {
      await ask(socket, COMMAND.reloadSources, signal);
    },
    tracking: async (signal) => decodeTracking(await ask(socket, COMMAND.tracking, signal)),
    measurements: async (signal) => {
      const count = decodeSourceCount(await ask(socket, COMMAND.countSources, signal));
      const found: Measurement[] = [];
      for (let index = 0; index < count; index++)
        found.push(
          decodeMeasurement(await ask(socket, COMMAND.sourceData, signal, indexData(index))),
        );
      return found;
    },
    askNow: async (source, signal) => {
      await ask(socket, COMMAND.online, signal, onlineData(source));
      await ask(socket, COMMAND.burst, signal, burstData(source, BURST.good, BURST.total));
    },
    step: async (signal) => {
      await ask(socket, COMMAND.makeStep, signal);
    },
    shutDown: async (signal) => {
      await ask(socket, COMMAND.shutdown, signal);
    },
  };
}
