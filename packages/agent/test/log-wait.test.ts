import { expect, it } from 'vitest';

import { createLogger, logWait } from '../src/index.ts';

it('logs the begin of a wait for the record and its length as warnings', () => {
  const lines: string[] = [];
  const log = createLogger('x', { stdout: { write: (line) => lines.push(line) } });
  const waiting = logWait(log, { link: 'eth0' });
  waiting({ pid: 1, since: '2026-01-01T00:00:00Z' });
  waiting(undefined);
  waiting({ pid: 1, since: '2026-01-01T00:00:00Z' });
  expect(lines.map((line) => /"lvl":"\w+"/.exec(line)?.[0])).toEqual([
    '"lvl":"info"',
    '"lvl":"warn"',
    '"lvl":"warn"',
  ]);
  const [first = '', unknown = ''] = lines;
  expect(first).toContain('"ev":"lock.wait","link":"eth0","holder":{"pid":1,');
  expect(unknown).not.toContain('holder');
});
