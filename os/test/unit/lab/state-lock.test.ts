import { expect, it } from 'vitest';

import { lockState } from '../../../src/lab/state-lock.ts';

it('one `up` at a time works in a state folder, others work beside it', () => {
  const folder = `/kios-test-${process.pid}`;
  const first = lockState(folder);
  expect(() => lockState(`${folder}/`)).toThrow(/another \.\/kios up is at it$/);
  using other = lockState(`${folder}-other`);
  expect(other).toBeDefined();
  first[Symbol.dispose]();
  using again = lockState(folder);
  expect(again).toBeDefined();
});
