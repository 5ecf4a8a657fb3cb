import path from 'node:path';

import type { Netns } from '../netns.ts';
import type { RunningProcess } from '../running-process.ts';
import { NtpRule } from './rules.ts';

export { KISSES, NtpRule } from './rules.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');

/** An NTP server of a test. Its lines are its requests: `{"request":1,"client":"192.0.2.2","reply":"time"}`. */
export interface NtpServer extends AsyncDisposable {
  readonly process: RunningProcess;
  /** The number of requests until now. */
  readonly requests: number;
  /** Waits until this many requests have arrived. */
  expectRequests(count: number, deadlineMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts an NTP server at an address of the namespace. It follows the first of the rules whose number of requests is
 * not used up, and is silent when there is none.
 */
export async function startNtpServer(
  netns: Netns,
  address: string,
  rules: readonly NtpRule[] = [{}],
): Promise<NtpServer> {
  const server = netns.start(process.execPath, [MAIN, address, JSON.stringify(rules)]);
  await server.expect('listening');
  const stop = async (): Promise<void> => void (await server.stop());
  return {
    process: server,
    get requests(): number {
      return server.lines.filter((line) => line.startsWith('{"request":')).length;
    },
    expectRequests: async (count, deadlineMs) =>
      void (await server.expect(`{"request":${count},`, deadlineMs)),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
