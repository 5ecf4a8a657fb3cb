import { EXIT } from '@kios/errors';
import { expect, it } from 'vitest';

import { formatExplanation } from '../../../../src/workstation/terminal/explain.ts';
import { plain } from '../../../../src/workstation/terminal/plain.ts';
import { progressOn } from '../../../../src/workstation/terminal/progress.ts';

it('keeps text, lines and tabs', () => expect(plain('ä …\n\tb')).toBe('ä …\n\tb'));

it.each([
  ['a cleared screen', 'a\u001B[2Jb'],
  ['a title', 'a\u001B]0;title\u0007b'],
  ['a bell', 'a\u0007b'],
  ['an overwritten line', 'a\rb'],
  ['an introducer of one byte', 'a\u009B2Jb'],
])('commands nothing of the terminal: %s', (_, text) => {
  expect(plain(text)).not.toMatch(/\p{Cc}/u);
  expect(plain(text)).toMatch(/^a.*b$/);
});

it('goes over what an error quotes', () => {
  const message = 'read a: \u001B[2Jb\nc\u0007';
  const lines = formatExplanation({ message, code: 'KIOS_X', exitCode: EXIT.data });
  expect(lines).toEqual(['kios: cannot read a: b [KIOS_X]', '  c']);
});

it.each([true, false])('goes over a line of progress; on a terminal: %s', (isTTY) => {
  let shown = '';
  progressOn({ isTTY, write: (text) => (shown += text) }).info('a\u0007b');
  expect(shown).toContain('a b');
});
