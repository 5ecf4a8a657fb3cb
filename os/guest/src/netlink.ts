import { ByteReader, ByteWriter } from '@kios/bytes';
import {
  type Attributes,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  type Message,
  nest,
  NLM_F,
  NLMSG,
} from '@kios/netlink/message';
import { isErrno, SyscallError } from '@kios/syscall';

import { call } from './call.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;
const GENL_CTRL = 16;
const CTRL_GETFAMILY = 3;
const GENL_HEADER = 4;

export const NETLINK = { route: 0, xfrm: 6, netfilter: 12, generic: 16 } as const;
export const CREATE = NLM_F.create | NLM_F.exclusive;

export type Attribute = readonly [type: number, value: Uint8Array];
export interface Order {
  readonly type: number;
  readonly flags?: number;
  readonly payload: Uint8Array;
}

export const u8 = (value: number): Uint8Array => Uint8Array.of(value);
export const u16 = (value: number): Uint8Array => new ByteWriter(2).u16le(value).finish();
export const u32 = (value: number): Uint8Array => new ByteWriter(4).u32le(value).finish();
/** Netfilter's numbers are in network byte order. */
export const be16 = (value: number): Uint8Array => new ByteWriter(2).u16(value).finish();
export const be32 = (value: number): Uint8Array => new ByteWriter(4).u32(value).finish();
export const be64 = (value: number): Uint8Array => new ByteWriter(8).u32(0).u32(value).finish();
export const text = (value: string): Uint8Array => Buffer.from(`${value}\0`);

/**
 * Sends orders as one datagram and returns the replies other than acknowledgements. Throws a SyscallError on an error.
 */
export function talk(protocol: number, orders: readonly Order[]): Message[] {
  const socket = call('socket', AF_NETLINK, SOCK_RAW, protocol);
  try {
    const datagram = orders.map(({ type, flags = 0, payload }, index) =>
      encodeMessage({ type, flags: NLM_F.request | flags, sequence: index + 1, payload }),
    );
    const bytes = Buffer.concat(datagram);
    call('sendto', socket, bytes, bytes.length, 0, null, 0);
    return [...replies(socket)];
  } finally {
    call('close', socket);
  }
}

/** Yields the replies. The kernel handles orders within the send, so all of them can be read at once. */
function* replies(socket: number): Generator<Message> {
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    let length: number;
    try {
      length = call('recvfrom', socket, buffer, buffer.length, MSG_DONTWAIT, null, null);
    } catch (error) {
      if (isErrno(error, 'EAGAIN', 'EWOULDBLOCK')) return; // Two names of one number.
      throw error;
    }
    for (const message of decodeMessages(Uint8Array.from(buffer.subarray(0, length)))) {
      const errno = message.type === NLMSG.error ? new ByteReader(message.payload).i32le() : 0;
      if (errno < 0) throw new SyscallError('netlink', -errno, 'give the kernel an order');
      if (message.type !== NLMSG.error) yield message;
    }
  }
}

export const give = (protocol: number, order: Order): void =>
  void talk(protocol, [{ ...order, flags: (order.flags ?? 0) | NLM_F.ack }]);

const genericPayload = (command: number, attributes: readonly Attribute[]): Uint8Array =>
  Buffer.concat([Uint8Array.of(command, 1, 0, 0), nest(...attributes)]);

const attributesOf = ({ payload }: Message): Attributes =>
  decodeAttributes(payload.subarray(GENL_HEADER));

/** Returns the number of a generic netlink family, which differs between boots. */
export function familyOf(name: string): number {
  const payload = genericPayload(CTRL_GETFAMILY, [[2, text(name)]]);
  const [reply] = talk(NETLINK.generic, [{ type: GENL_CTRL, flags: NLM_F.ack, payload }]);
  const id = reply && attributesOf(reply).get(1);
  if (id === undefined) throw new SyscallError('netlink', 'ENOENT', `find family ${name}`);
  return new ByteReader(id).u16le();
}

export const giveGeneric = (
  family: number,
  command: number,
  attributes: readonly Attribute[],
): void => give(NETLINK.generic, { type: family, payload: genericPayload(command, attributes) });
