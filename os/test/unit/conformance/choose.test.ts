import { describe, expect, it, vi } from 'vitest';

import { chooseSpecs, sliceOf } from '../../../src/conformance/choose.ts';
import type { Suite } from '../../../src/conformance/specs.ts';

const ALL = ['[sig-node] c', '[sig-apps] a', '[sig-node] b'];
const whole = { focus: ['x', 'y'], skip: ['s', 't'], slice: 1, slices: 1 };

const suiteOf = (selected: readonly string[]) => ({
  list: vi.fn<Suite['list']>(() => Promise.resolve({ all: ALL, selected })),
});

describe('a choice of specs', () => {
  it('has what any focus takes and no skip, in order', async () => {
    const suite = suiteOf(ALL);
    const { names } = await chooseSpecs(suite, whole, []);
    expect(names).toEqual(ALL.toSorted());
    expect(suite.list).toHaveBeenCalledExactlyOnceWith('(?:x|y)', 's|t');
  });

  it('is a fault of the command line when there is nothing to run', async () => {
    const choice = chooseSpecs(suiteOf([]), whole, []);
    await expect(choice).rejects.toMatchObject({ code: 'KIOS_CLI_USAGE' });
    await expect(choice).rejects.toThrow('--focus');
  });

  it('is a fault of the command line when the part has none', async () => {
    const choice = chooseSpecs(suiteOf(ALL), { ...whole, slice: 4, slices: 5 }, []);
    await expect(choice).rejects.toMatchObject({ code: 'KIOS_CLI_USAGE' });
    await expect(choice).rejects.toThrow('part 4 of 5');
  });

  it('knows exceptions of specs that it does not have', async () => {
    const exceptions = [{ spec: '[sig-apps] a', cause: 'A stand-in.' }];
    const { causes } = await chooseSpecs(suiteOf(['[sig-node] b']), whole, exceptions);
    expect(causes).toEqual(new Map([['[sig-apps] a', 'A stand-in.']]));
  });

  it('fails with an exception that is of no spec', async () => {
    const exceptions = [{ spec: '[sig-apps] gone', cause: 'A stand-in.' }];
    await expect(chooseSpecs(suiteOf(ALL), whole, exceptions)).rejects.toMatchObject({
      code: 'KIOS_CONFORMANCE_EXCEPTIONS',
    });
  });
});

it('parts have each spec once', () => {
  const all = Array.from({ length: 23 }, (_, index) => index);
  const parts = [1, 2, 3, 4, 5].map((slice) => sliceOf(all, slice, 5));
  expect(parts.flat().toSorted((a, b) => a - b)).toEqual(all);
  expect(parts.map(({ length }) => length)).toEqual([5, 5, 5, 4, 4]);
});
