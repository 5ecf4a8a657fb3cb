import { expect, it } from 'vitest';

import { addedWords, withKernelWords } from '../../../../src/media/configure/arguments.ts';

const BUILT = 'console=ttyS1,115200 mitigations=auto page_alloc.shuffle=1';

it('puts a person’s words last, where they outweigh the build’s', () => {
  const line = withKernelWords(`${BUILT}\n`, 'mitigations=off');
  expect(line).toBe(`${BUILT} kios.added mitigations=off\n`);
  expect(addedWords(line)).toEqual(['mitigations=off']);
});

it('replaces earlier words, and leaves the build’s alone', () => {
  const before = withKernelWords(BUILT, 'mitigations=off');
  expect(withKernelWords(before, 'mitigations=auto,nosmt')).toBe(
    `${BUILT} kios.added mitigations=auto,nosmt\n`,
  );
  expect(withKernelWords(before, '')).toBe(`${BUILT} kios.added\n`);
  expect(addedWords(BUILT)).toEqual([]);
});

it('keeps what Raspberry Pi Imager has appended', () => {
  const imager = `${withKernelWords(BUILT, 'mitigations=off').trim()} ds=nocloud;i=rpi-1`;
  expect(withKernelWords(imager, '')).toBe(`${BUILT} kios.added ds=nocloud;i=rpi-1\n`);
});
