import { expect, it } from 'vitest';

import { casesOf, rowsOf, stage1Of } from '../../../../src/bench/secure-boot/secure-boot.ts';

it('compares each system on equal machines, and with a TPM only where that is asked for', () => {
  expect(casesOf(false).map(({ name }) => name)).toEqual([
    'unsigned',
    'signed, Secure Boot',
    'small, Secure Boot',
    'small, Secure Boot, no SHA',
    'small',
  ]);
  expect(casesOf(true).filter(({ tpm }) => tpm).map(({ name }) => name)).toEqual([
    'unsigned, TPM',
    'signed, Secure Boot, TPM',
    'small, Secure Boot, TPM',
  ]); // prettier-ignore
});

it('reads the times of stage 1', () => {
  const phases = [
    { name: 'init', up: 0.4 },
    { name: 'root', up: 0.75 },
    { name: 'api', up: 0.8 },
  ];
  expect(stage1Of(phases)).toEqual({ init: 0.4, root: 0.75 });
  expect(() => stage1Of([])).toThrow('no phase init');
  expect(() => stage1Of(undefined)).toThrow('Array');
});

it('shows seconds and megabytes', () => {
  const result = {
    name: 'small',
    kernelSeconds: 2.5,
    initSeconds: 3,
    rootSeconds: 3.255,
    firstLineSeconds: 3.4,
    firstStaticPodSeconds: 7.1,
    firmwareHashesBytes: 14_000_000,
    initHashesBytes: 132_259_840,
  };
  const [titles, row] = rowsOf([result]);
  expect(row).toHaveLength(titles!.length);
  expect(row).toEqual(['small', '2.50', '3.00', '3.25', '3.40', '7.10', '14.0', '132.3']);
});
