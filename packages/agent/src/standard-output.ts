import { writeSync } from 'node:fs';

import { errorCode } from '@kios/errors';

const STDOUT = 1;
/** The wait before another try to write to a full pipe, in milliseconds. */
const FULL_PIPE_MS = 10;

const pause = (ms: number): unknown =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Writes to standard output before it returns: the last line of an agent that is about to be killed counts most. */
export const standardOutput = {
  write(line: string): void {
    let rest: Uint8Array = Buffer.from(line);
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(STDOUT, rest));
      } catch (error) {
        // Without a reader, or on a full disk, the agent goes on without its log.
        if (errorCode(error) !== 'EAGAIN') return;
        pause(FULL_PIPE_MS);
      }
    }
  },
};
