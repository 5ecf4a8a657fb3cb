import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { decodeReply, encodeRequest, NONCE_SIZE, type Reply } from './packet.ts';

export const NTP_PORT = 123;
const REPLY_WITHIN_MS = 2000;

/** One sample of a server's time. */
export interface Sample {
  readonly server: string;
  /** Seconds by which the server is ahead of this clock. */
  readonly offsetSeconds: number;
}

export interface Question {
  /** An IP address. */
  readonly server: string;
  /** The earliest possible time in milliseconds. */
  readonly floor: number;
  readonly port: number;
}

type Answer = Sample | 'rejected' | undefined;

/** Both clocks at one moment: the second measures how long the reply took, whatever happens to the first. */
const readClocks = (): { now: number; steady: number } => ({
  now: Date.now(),
  steady: performance.now(),
});

function sampleOf(server: string, reply: Reply, sent: ReturnType<typeof readClocks>): Answer {
  if (reply.tag !== 'times') return reply.tag === 'rejected' ? 'rejected' : undefined;
  const received = sent.now + performance.now() - sent.steady;
  const { times } = reply;
  // RFC 4330 §5.
  const offset = (times.received - sent.now + (times.sent - received)) / 2;
  return { server, offsetSeconds: offset / 1000 };
}

/** Asks one server once; undefined when it has no time, or does not reply within two seconds. */
export async function askServer(question: Question, signal: AbortSignal): Promise<Answer> {
  const { server, port, floor } = question;
  const nonce = randomBytes(NONCE_SIZE);
  const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const sent = readClocks();
  const late = AbortSignal.any([signal, AbortSignal.timeout(REPLY_WITHIN_MS)]);
  const giveUp = (): void => resolve(undefined);
  late.addEventListener('abort', giveUp);
  socket.on('message', (bytes) => {
    const reply = decodeReply(bytes, nonce, floor);
    if (reply !== undefined) resolve(sampleOf(server, reply, sent));
  });
  // Nothing listens there, or no route leads there; the kernel says so of a connected socket only.
  socket.on('error', giveUp);
  // A callback of `connect` would be called when it fails, too.
  socket.once('connect', () => socket.send(encodeRequest(nonce)));
  try {
    socket.connect(port, server);
    return await promise;
  } finally {
    late.removeEventListener('abort', giveUp);
    socket.close();
  }
}
