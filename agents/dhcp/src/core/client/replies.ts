import { DecodeError } from '@kios/bytes';

import { type DhcpMessage, OP } from '../wire/message.ts';
import { OPTIONS, TYPE } from '../wire/options.ts';
import type { Identity } from './requests.ts';

/** A message from a server that concerns us, by kind. */
export interface Reply {
  readonly kind: 'offer' | 'ack' | 'nak';
  readonly message: DhcpMessage;
  /** Address the packet came from. */
  readonly source: string;
  /** Hardware address it came from: the server's, or that of the router on the way to it. Unknown of datagrams. */
  readonly sourceMac: string | undefined;
}

/** A message as it came in. */
export type Incoming = Omit<Reply, 'kind'>;

const KINDS: ReadonlyMap<number, Reply['kind']> = new Map([
  [TYPE.offer, 'offer'],
  [TYPE.ack, 'ack'],
  [TYPE.nak, 'nak'],
] as const);

/** Sorts out what is not for this client. Whether it fits the exchange under way is for the state machine to say. */
export function acceptReply(who: Identity, incoming: Incoming): Reply {
  const { message } = incoming;
  if (message.op !== OP.reply) throw new DecodeError('accept reply: it is a request');
  if (message.chaddr !== who.mac) throw new DecodeError('accept reply: other hardware address');
  const kind = KINDS.get(message.options.get(OPTIONS.messageType) ?? 0);
  if (kind === undefined) throw new DecodeError('accept reply: not of a kind that servers send');
  const echoed = message.options.get(OPTIONS.clientId);
  if (echoed !== undefined && who.clientId !== undefined && !equal(echoed, who.clientId)) {
    throw new DecodeError('accept reply: other client identifier');
  }
  return { kind, ...incoming };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
