import type { BootedNode } from '../../../src/lab/boot.ts';
import type { SeenEvent } from '../../../src/lab/qemu/console.ts';

/** What a person reads of a fault. */
export interface ReadFault {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
  /** Seconds from `since` until the line was read. */
  readonly seconds: number;
}

/** A fault that is not told in this time is not found any more; the tests ask for less. */
const LONGEST_MS = 5 * 60_000;
/** An emulated machine boots within this time. */
export const BOOT_MS = 20 * 60_000;

const textOf = (event: SeenEvent, field: string): string => {
  const value = event.fields[field] ?? '';
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** Recognises faults by nothing but the lines on a machine's console. */
export class FaultReader {
  readonly node: BootedNode;

  constructor(node: BootedNode) {
    this.node = node;
  }

  /** Waits for a line about one of these codes at or after `since` (ms). */
  async tells(
    codes: string | readonly string[],
    since: number,
    deadlineMs = LONGEST_MS,
  ): Promise<ReadFault> {
    const wanted = typeof codes === 'string' ? [codes] : codes;
    const event = await this.#see(
      `one of ${wanted.join(', ')}`,
      (one) => one.ev === 'fault' && wanted.includes(textOf(one, 'code')) && one.seenAt >= since,
      deadlineMs,
    );
    const [code, cause, remedy] = ['code', 'cause', 'remedy'].map((name) => textOf(event, name));
    return {
      code: code ?? '',
      cause: cause ?? '',
      remedy: remedy ?? '',
      seconds: Math.round((event.seenAt - since) / 1000),
    };
  }

  /** Waits until a fault is over. */
  async tellsEnd(code: string, since: number): Promise<void> {
    await this.#see(
      `the end of ${code}`,
      (one) => one.ev === 'fault.over' && textOf(one, 'code') === code && one.seenAt >= since,
      LONGEST_MS,
    );
  }

  /** Waits for an event of an agent that has these fields, and returns the time at which it was seen. */
  async when(
    agent: string,
    ev: string,
    fields: Readonly<Record<string, string>> = {},
    since = 0,
  ): Promise<number> {
    const isIt = (one: SeenEvent): boolean =>
      one.agent === agent &&
      one.ev === ev &&
      one.seenAt >= since &&
      Object.entries(fields).every(([name, value]) => textOf(one, name) === value);
    return (await this.#see(`${ev} of ${agent}`, isIt, BOOT_MS)).seenAt;
  }

  /** Waits until the agent that tells faults runs. */
  async boots(): Promise<number> {
    return this.when('bootstrap', 'document');
  }

  async #see(
    what: string,
    match: (event: SeenEvent) => boolean,
    deadlineMs: number,
  ): Promise<SeenEvent> {
    return this.node.console.expect(what, match, deadlineMs);
  }
}
