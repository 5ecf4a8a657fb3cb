import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { shedText } from '../src/code-pages.ts';

/** Pages of files that this process has mapped, in KiB (proc_pid_status(5)). */
const mapped = (): number =>
  Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

it('machine code that was touched is unmapped, and the program goes on', () => {
  const before = mapped();
  expect(shedText()).toBeGreaterThan(1_000_000);
  expect(mapped()).toBeLessThan(before);
});
