import { expect, it } from 'vitest';

import { savedBy } from '../../../src/bench/boot-oci-runtimes.ts';
import { resultRows } from '../../../src/bench/boot.ts';

const runc = {
  firstStaticPodSeconds: 3.5,
  singlePodSeconds: 3.4,
  memoryUsedMiB: 300,
  efiBytes: 140_040_000,
  phases: { kernel: 1, lease: 3.7 },
};
const crun = {
  ...runc,
  firstStaticPodSeconds: 3.377,
  singlePodSeconds: 3.42,
  phases: { kernel: 1 },
};

it('what crun saves may be a loss', () => {
  expect(savedBy(crun, runc)).toBe(
    'crun saves 0.123 s until the first static pod, -0.020 s of a single pod',
  );
});

it('results stand side by side, and what one of them has not is a dash', () => {
  expect(resultRows({ runc, crun })).toEqual([
    ['guest s', 'runc', 'crun'],
    ['kernel', '1.000', '1.000'],
    ['lease', '3.700', '-'],
    ['a single pod', '3.400', '3.420'],
    ['MiB used', '300', '300'],
    ['MiB used, a single pod', '-', '-'],
    ['MB of EFI file', '140.0', '140.0'],
  ]);
});
