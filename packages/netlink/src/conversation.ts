import { ByteReader } from '@kios/bytes';
import { type Channel, isErrno, SyscallError } from '@kios/syscall';

import { decodeMessages, encodeMessage, type Message, NLM_F, NLMSG } from './message.ts';

const ERRNO_SIZE = 4;

/**
 * Requests and replies over one netlink socket, one exchange at a time. The kernel replies within `send`, so a reply
 * costs no wait. Receiving is still asynchronous, because a dump comes in parts.
 */
export class Conversation {
  readonly #channel: Channel;
  #sequence = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Sends a request and waits for its acknowledgement; an error is a SyscallError whose message says `attempt`. */
  async execute(type: number, flags: number, payload: Uint8Array, attempt: string): Promise<void> {
    await this.#exchange(type, flags | NLM_F.ack, payload, attempt);
  }

  /** Requests all objects of a kind. */
  async dump(type: number, payload: Uint8Array, attempt: string): Promise<Message[]> {
    return this.#exchange(type, NLM_F.dump, payload, attempt);
  }

  close(): void {
    this.#channel.close();
  }

  #exchange(type: number, flags: number, payload: Uint8Array, attempt: string): Promise<Message[]> {
    const run = async (): Promise<Message[]> => {
      const sequence = ++this.#sequence;
      this.#channel.send(encodeMessage({ type, flags: flags | NLM_F.request, sequence, payload }));
      return this.#collect(sequence, attempt);
    };
    const result = this.#last.then(run, run);
    this.#last = result;
    return result;
  }

  async #collect(sequence: number, attempt: string): Promise<Message[]> {
    const collected: Message[] = [];
    for (;;) {
      const messages = decodeMessages(await this.#channel.receive());
      for (const message of messages.filter((each) => each.sequence === sequence)) {
        if (message.type === NLMSG.done || message.type === NLMSG.error) {
          checkEnd(message, attempt);
          return collected;
        }
        collected.push(message);
      }
    }
  }
}

/** Throws the error in the last message of an exchange: NLMSG_DONE and NLMSG_ERROR start with a negative errno or 0. */
function checkEnd(message: Message, attempt: string): void {
  if (message.payload.length < ERRNO_SIZE) return;
  const errno = new ByteReader(message.payload).i32le();
  if (errno < 0) throw new SyscallError('netlink', -errno, attempt);
}

/** Yields the messages of each datagram of a subscription; `overrun` when some were lost. */
export async function* notifications(
  channel: Channel,
  signal: AbortSignal,
): AsyncGenerator<readonly Message[] | 'overrun'> {
  for (;;) {
    try {
      yield decodeMessages(await channel.receive(signal));
    } catch (error) {
      if (signal.aborted) return;
      if (!isErrno(error, 'ENOBUFS')) throw error;
      yield 'overrun';
    }
  }
}
