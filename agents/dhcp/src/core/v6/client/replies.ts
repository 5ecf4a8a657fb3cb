import { DecodeError, toHex } from '@kios/bytes';

import { type Message6, TYPE6 } from '../wire/message.ts';
import { OPTIONS6 } from '../wire/options.ts';
import type { Identity6 } from './identity.ts';

/** Longest DUID: two bytes of type and 128 of value. RFC 8415 §11.1. */
const MOST_DUID = 130;

/**
 * Fails for messages that are not a server's to this client. The state machine checks whether one belongs to its
 * exchange. RFC 8415 §16.3, §16.10.
 */
export function acceptReply6({ duid }: Identity6, message: Message6): Message6 {
  const { type, options } = message;
  if (type !== TYPE6.advertise && type !== TYPE6.reply) {
    throw new DecodeError(`accept reply: servers do not send type ${type} unasked`);
  }
  const server = options.get(OPTIONS6.serverId);
  if (server === undefined || server.length < 3 || server.length > MOST_DUID) {
    throw new DecodeError('accept reply: no server identifier');
  }
  const client = options.get(OPTIONS6.clientId);
  if (client === undefined || toHex(client) !== toHex(duid)) {
    throw new DecodeError('accept reply: other client identifier');
  }
  return message;
}
