import { ByteReader } from '@kios/bytes';
import { type Channel, isErrno, SyscallError } from '@kios/syscall';

import { decodeMessages, encodeMessage, type Message, NLM_F, NLMSG } from './message.ts';

const ERRNO_SIZE = 4;
/** A list that changes while it is read is read again, this often in all. */
const MOST_DUMPS = 4;

interface Reply {
  readonly messages: Message[];
  /** The kernel's list changed while it was read: something may be missing, or there twice. */
  readonly isInterrupted: boolean;
}

/**
 * Requests and replies over one netlink socket, one exchange at a time. The kernel replies within `send`, so a reply
 * costs no wait. Receiving is still asynchronous, because a dump comes in parts.
 */
export class Conversation {
  readonly #channel: Pick<Channel, 'send' | 'receive' | 'close'>;
  #sequence = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(channel: Pick<Channel, 'send' | 'receive' | 'close'>) {
    this.#channel = channel;
  }

  /** Sends a request and waits for its acknowledgement; an error is a SyscallError whose message says `attempt`. */
  async execute(type: number, flags: number, payload: Uint8Array, attempt: string): Promise<void> {
    await this.#exchange(type, flags | NLM_F.ack, payload, attempt);
  }

  /** Requests all objects of a kind. */
  async dump(type: number, payload: Uint8Array, attempt: string): Promise<Message[]> {
    for (let dumps = 1; ; dumps += 1) {
      const { messages, isInterrupted } = await this.#exchange(type, NLM_F.dump, payload, attempt);
      if (!isInterrupted || dumps === MOST_DUMPS) return messages;
    }
  }

  close(): void {
    this.#channel.close();
  }

  #exchange(type: number, flags: number, payload: Uint8Array, attempt: string): Promise<Reply> {
    const run = async (): Promise<Reply> => {
      const sequence = ++this.#sequence;
      this.#channel.send(encodeMessage({ type, flags: flags | NLM_F.request, sequence, payload }));
      return this.#collect(sequence, attempt);
    };
    const result = this.#last.then(run, run);
    this.#last = result;
    return result;
  }

  async #collect(sequence: number, attempt: string): Promise<Reply> {
    const collected: Message[] = [];
    let isInterrupted = false;
    for (;;) {
      const messages = decodeMessages(await this.#channel.receive());
      for (const message of messages.filter((each) => each.sequence === sequence)) {
        isInterrupted ||= (message.flags & NLM_F.interrupted) !== 0;
        if (message.type === NLMSG.done || message.type === NLMSG.error) {
          checkEnd(message, attempt);
          return { messages: collected, isInterrupted };
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
