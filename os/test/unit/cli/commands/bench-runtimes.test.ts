import { expect, it } from 'vitest';

import { readRuntime } from '../../../../src/cli/commands/bench-runtimes.ts';

it('a runtime is a name and a file', () => {
  expect(readRuntime('llrt=/usr/local/bin/llrt')).toEqual(['llrt', '/usr/local/bin/llrt']);
});

it.each(['llrt', '=file', 'llrt=', 'a name=file'])('%s is none', (word) => {
  expect(() => readRuntime(word)).toThrow(`use --with ${word}`);
});
