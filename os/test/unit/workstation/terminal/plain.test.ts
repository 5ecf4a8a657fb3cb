import { expect, it } from 'vitest';

import { formatExplanation } from '../../../../src/workstation/terminal/explain.ts';
import { plain } from '../../../../src/workstation/terminal/plain.ts';
import { progressOn } from '../../../../src/workstation/terminal/progress.ts';

const HOSTILE = '\u001B]0;title\u0007\u009B2J\r\u007Fstays\tand\nétat …';
const HARMLESS = '�]0;title��2J��stays\tand\nétat …';

it('a text loses what a terminal obeys, but line ends and tabs', () => {
  expect(plain(HOSTILE)).toBe(HARMLESS);
});

it('neither a failure nor a line of progress has such characters', () => {
  expect(formatExplanation({ message: HOSTILE, code: 'KIOS_X', exitCode: 1 }).join('\n')).toBe(
    'kios: cannot �]0;title��2J��stays\tand [KIOS_X]\n  état …',
  );
  for (const isTTY of [true, false]) {
    let shown = '';
    progressOn({ isTTY, write: (text) => (shown += text) }).info(HOSTILE);
    expect(shown).toContain(HARMLESS);
  }
});
