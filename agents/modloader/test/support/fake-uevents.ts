import { judgeUevent, type Rejection, type UeventOrLoss, type UeventSource } from '@kios/netlink';

import { netlinkAddress } from './netlink-address.ts';

const KERNEL = netlinkAddress(0, 1);

/** The kernel's events in memory: keeps what is sent until it is read, as a socket does. */
export class FakeUevents implements UeventSource {
  readonly #queue: UeventOrLoss[] = [];
  readonly #rejected: (why: Rejection) => void;
  #wake: () => void = () => undefined;

  constructor(rejected: (why: Rejection) => void = () => undefined) {
    this.#rejected = rejected;
  }

  /** Has the kernel send `ACTION@DEVPATH` and variables, with a NUL after each; or another sender. */
  send(text: string, from: Uint8Array = KERNEL): void {
    const event = judgeUevent({ message: new TextEncoder().encode(text), from });
    if (event === 'sender' || event === 'malformed') this.#rejected(event);
    else this.#push(event);
  }

  /** Loses all that nobody has read. */
  overrun(): void {
    this.#queue.length = 0;
    this.#push('overrun');
  }

  #push(event: UeventOrLoss): void {
    this.#queue.push(event);
    this.#wake();
  }

  async *events(signal: AbortSignal): AsyncGenerator<UeventOrLoss> {
    while (!signal.aborted) {
      const event = this.#queue.shift();
      if (event !== undefined) {
        yield event;
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }
}

/** The text of an event about a device of a bus. */
export const ueventOf = (alias: string, action = 'add'): string =>
  `${action}@/devices/${alias}\0ACTION=${action}\0SUBSYSTEM=pci\0MODALIAS=${alias}\0`;
