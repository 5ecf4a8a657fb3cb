import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { releaseCodePages } from '../src/code-pages.ts';

/** Mapped pages of files in this process, in KiB (proc_pid_status(5)). */
const mapped = (): number =>
  Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

it('machine code that was touched is unmapped, and the program goes on', () => {
  const before = mapped();
  expect(releaseCodePages()).toBeGreaterThan(1_000_000);
  expect(mapped()).toBeLessThan(before);
});
