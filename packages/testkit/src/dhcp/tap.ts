import path from 'node:path';

import * as v from 'valibot';

import type { Netns } from '../netns.ts';
import type { RunningProcess } from '../running-process.ts';
import type { TypeName } from './wire.ts';

const Seen = v.object({
  dhcp: v.string(),
  /** Hardware addresses. */
  from: v.string(),
  to: v.string(),
  src: v.string(),
  dst: v.string(),
  op: v.number(),
  xid: v.number(),
  secs: v.number(),
  flags: v.number(),
  ciaddr: v.string(),
  yiaddr: v.string(),
  siaddr: v.string(),
  giaddr: v.string(),
  chaddr: v.string(),
  options: v.array(v.tuple([v.number(), v.string()])),
});
/** A DHCP message on the wire. */
export type Seen = v.InferOutput<typeof Seen>;

/** Captures the messages on a device, so that tests need not trust the logs of client or server. */
export class Tap {
  readonly process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.process = process;
  }

  static async open(netns: Netns, device = 'srv0'): Promise<Tap> {
    const main = path.join(import.meta.dirname, 'tap-main.ts');
    const tap = new Tap(netns.start(process.execPath, [main, device]));
    await tap.process.expect('"tap"');
    return tap;
  }

  /** Returns the messages of a kind so far. */
  seen(kind: TypeName): Seen[] {
    return this.process.lines.flatMap((line) => {
      const seen = v.safeParse(Seen, JSON.parse(line));
      return seen.success && seen.output.dhcp === kind ? [seen.output] : [];
    });
  }

  /**
   * Waits for `count` messages of the kind, and returns all so far. Earlier traffic has been captured by then. A log
   * line of the client does not guarantee that, because the tap is another process.
   */
  async until(kind: TypeName, count: number): Promise<Seen[]> {
    while (this.seen(kind).length < count) await this.expectNext(kind);
    return this.seen(kind);
  }

  /** Waits for a message of the kind, past or future. */
  async expect(kind: TypeName, deadlineMs?: number): Promise<Seen> {
    return v.parse(Seen, JSON.parse(await this.process.expect(`"dhcp":"${kind}"`, deadlineMs)));
  }

  async expectNext(kind: TypeName, deadlineMs?: number): Promise<Seen> {
    return v.parse(Seen, JSON.parse(await this.process.expectNext(`"dhcp":"${kind}"`, deadlineMs)));
  }
}
