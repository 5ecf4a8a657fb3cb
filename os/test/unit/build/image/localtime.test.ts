import { expect, it } from 'vitest';

import { coordinatedTime } from '../../../../src/build/image/localtime.ts';

it('the time zone of a node is UTC', () => {
  const counts = '000000000000000000000000000000000000000100000004';
  const block = `545a696632${'00'.repeat(15)}${counts}00000000000055544300`;
  expect(coordinatedTime().toString('hex')).toBe(`${block}${block}0a555443300a`);
});
