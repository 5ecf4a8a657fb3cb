import { DecodeError } from '@kios/bytes';

import { type DhcpMessage, OP } from '../wire/message.ts';
import { OPTIONS, TYPE } from '../wire/options.ts';
import type { Identity } from './requests.ts';

/** A server's message to this client, by kind. */
export interface Reply {
  readonly kind: 'offer' | 'ack' | 'nak';
  readonly message: DhcpMessage;
  /** Address the packet came from. */
  readonly source: string;
  /** Hardware address of the server or of the last router on the way. Undefined for datagrams. */
  readonly sourceMac: string | undefined;
}

/** A received message. */
export type Incoming = Omit<Reply, 'kind'>;

const KINDS: ReadonlyMap<number, Reply['kind']> = new Map([
  [TYPE.offer, 'offer'],
  [TYPE.ack, 'ack'],
  [TYPE.nak, 'nak'],
] as const);

/** Fails for messages to other clients. The state machine checks whether a reply belongs to its exchange. */
export function acceptReply(who: Identity, incoming: Incoming): Reply {
  const { message } = incoming;
  if (message.op !== OP.reply) throw new DecodeError('accept reply: it is a request');
  if (message.chaddr !== who.mac) throw new DecodeError('accept reply: other hardware address');
  const kind = KINDS.get(message.options.get(OPTIONS.messageType) ?? 0);
  if (kind === undefined) throw new DecodeError('accept reply: servers do not send this type');
  const echoed = message.options.get(OPTIONS.clientId);
  if (echoed !== undefined && who.clientId !== undefined && !equal(echoed, who.clientId)) {
    throw new DecodeError('accept reply: other client identifier');
  }
  return { kind, ...incoming };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
