import { describe, expect, it } from 'vitest';

import { Conversation } from '../../src/conversation.ts';
import { decodeMessages, encodeMessage, NLM_F, NLMSG } from '../../src/message.ts';

const OBJECT = 20;
const NOTHING = new Uint8Array();

/** A kernel that replies to each dump with as many objects as there were dumps; the first `interrupted` are broken. */
class Kernel {
  dumps = 0;
  readonly #interrupted: number;
  #replies: Uint8Array[] = [];

  constructor(interrupted: number) {
    this.#interrupted = interrupted;
  }

  send(datagram: Uint8Array): void {
    const [{ sequence } = { sequence: 0 }] = decodeMessages(datagram);
    this.dumps += 1;
    const flags = this.dumps <= this.#interrupted ? NLM_F.interrupted : 0;
    const object = { type: OBJECT, flags: 0, sequence, payload: NOTHING };
    this.#replies = Array.from({ length: this.dumps }, () => encodeMessage(object));
    // The kernel may find out at the end alone.
    this.#replies.push(encodeMessage({ ...object, type: NLMSG.done, flags }));
  }

  receive(): Promise<Uint8Array> {
    const next = this.#replies.shift();
    return next === undefined ? Promise.reject(new Error('no reply')) : Promise.resolve(next);
  }

  close(): void {
    this.#replies = [];
  }
}

describe('a dump', () => {
  it.each([
    [0, 1],
    [2, 3],
    // A list that never stands still is taken as it is.
    [99, 4],
  ])('of which %i are interrupted takes %i', async (interrupted, dumps) => {
    const kernel = new Kernel(interrupted);
    const messages = await new Conversation(kernel).dump(18, NOTHING, 'list objects');
    expect(kernel.dumps).toBe(dumps);
    expect(messages).toHaveLength(dumps);
  });
});
