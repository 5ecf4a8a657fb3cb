import { fromHex } from '@kios/bytes';

import { type Lease, readLease } from '../../src/core/lease/lease.ts';
import { type DhcpMessage, decodeMessage, encodeMessage } from '../../src/core/wire/message.ts';
import { TYPE } from '../../src/core/wire/options.ts';
import { message, SERVER } from './fixtures.ts';

const COOKIE_END = 240;
const FILE = 108;
const SNAME = 44;

/** Text for hex of the other fields, and addresses. */
interface Fields {
  readonly file?: string;
  readonly sname?: string;
  readonly siaddr?: string;
}

/** An ACK with these options in hex, and those in the fields that option 52 names. */
export function ack(options: string, fields: Fields = {}): DhcpMessage {
  const { file = '', sname = '', siaddr = '0.0.0.0' } = fields;
  const head = encodeMessage(message(TYPE.ack, [], { siaddr })).slice(0, COOKIE_END);
  head.set(fromHex(file), FILE);
  head.set(fromHex(sname), SNAME);
  return decodeMessage(Uint8Array.from([...head, ...fromHex(options)]));
}

/** The lease that the ACK grants. */
export function leaseOf(...of: Parameters<typeof ack>): Lease {
  const result = readLease(ack(...of), SERVER, 60);
  if ('refused' in result) throw new Error(result.refused);
  return result.lease;
}
