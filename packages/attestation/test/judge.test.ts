import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { toHex } from '@kios/bytes';
import * as v from 'valibot';
import { expect, it } from 'vitest';

import { faultOf, type Known, nameOfKey } from '../src/index.ts';
import { Report } from '../src/report.ts';
import { type Measured, SoftTpm } from '../src/testing.ts';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const KEY = new TextEncoder().encode('the key of the request');

/** A machine that starts our programs. */
const GOOD: readonly Measured[] = [
  [0, 'firmware'],
  [2, 'card'],
  [7, 'SecureBoot'],
  [4, 'Calling EFI Application from Boot Option'],
  [4, new Uint8Array(createHash('sha256').update(new Uint8Array(4)).digest())],
  [4, 'guard'],
  [4, 'loader'],
  [4, 'system'],
  [11, '.linux'],
  [11, 'kernel'],
  [4, 'kernel'],
];

const extended = (...whats: readonly string[]): string =>
  whats.reduce(
    (value, what) =>
      createHash('sha256')
        .update(Buffer.from(value, 'hex'))
        .update(hash(what), 'hex')
        .digest('hex'),
    '00'.repeat(32),
  );

const knownOf = (tpm: SoftTpm): Known => ({
  machines: new Map([
    ['node-1', { key: nameOfKey(tpm.public), pcrs: { 2: toHex(tpm.pcrs()['2'] ?? KEY) } }],
  ]),
  systems: new Map([
    [extended('.linux', 'kernel'), { image: hash('system'), kernel: hash('kernel') }],
  ]),
  programs: new Set(['guard', 'loader', 'system', 'kernel'].map(hash)),
});

const good = new SoftTpm(GOOD);
const report = good.report(KEY);
const known = knownOf(good);
const presented = { node: 'node-1', report, bound: KEY };

it('a known machine that runs a known system is without fault', () =>
  expect(faultOf(presented, known)).toBeUndefined());

it('a machine counts only by its own name', () => {
  expect(faultOf({ ...presented, node: 'node-2' }, known)).toMatch(/no machine is known .* node-2/);
  const other = new SoftTpm(GOOD);
  const fault = faultOf({ ...presented, report: other.report(KEY) }, known);
  expect(fault).toMatch(`this machine has the key ${nameOfKey(other.public)}, and node-1 is known`);
});

/** Returns the fault of a machine that has started this. */
const judged = (events: readonly Measured[]): string | undefined => {
  const tpm = new SoftTpm(events);
  return faultOf({ ...presented, report: tpm.report(KEY) }, knownOf(tpm));
};

it.each<readonly [string, readonly Measured[], RegExp]>([
  [
    'another program before the loader',
    [[4, 'evil'], ...GOOD],
    new RegExp(`not known: ${hash('evil')}`),
  ],
  [
    'another system',
    GOOD.map(([pcr, what]) => [pcr, what === '.linux' ? 'x' : what]),
    /runs a system/,
  ],
  ['words', [...GOOD, [12, 'rdinit=/bin/sh']], /added words .*PCR 12/],
  ['what somebody adds to the system', [...GOOD, [11, 'x']], /runs a system that is not known/],
  [
    'a kernel that firmware started itself, with the initramfs of somebody',
    GOOD.filter(([, what]) => what !== 'guard' && what !== 'loader' && what !== 'system'),
    /its kernel was not started by the EFI file of its system/,
  ],
  [
    'a kernel that was started after a system had ended',
    [...GOOD, [4, 'Returning from EFI Application from Boot Option'], [4, 'kernel']],
    /its kernel was not started by the EFI file of its system/,
  ],
  [
    'a system that was started after the one which runs',
    [...GOOD, [4, 'system']],
    /something was started after it/,
  ],
  [
    'a machine on which nothing was started',
    GOOD.filter(([pcr]) => pcr !== 4),
    /its kernel was not started/,
  ],
])('%s is told', (_name, events, says) => {
  expect(judged(events)).toMatch(says);
});

it('a driver that firmware loaded from the medium shows in PCR 2, which is pinned', () => {
  const machines = known.machines.get('node-1');
  const tpm = new SoftTpm([...GOOD, [2, 'driver']]);
  const pinned = { key: nameOfKey(tpm.public), pcrs: machines?.pcrs ?? {} };
  const fault = faultOf(
    { ...presented, report: tpm.report(KEY) },
    { ...known, machines: new Map([['node-1', pinned]]) },
  );
  expect(fault).toMatch(/its PCR 2 is [0-9a-f]{64}, and node-1 is known by/);
});

it('a quote for another request, with other values or another signature is none', () => {
  const pcrs = { ...report.pcrs, 4: new Uint8Array(32) };
  const cases: readonly (readonly [Partial<typeof presented>, string])[] = [
    [{ bound: new TextEncoder().encode('other') }, 'its quote is for another certificate request'],
    [{ report: { ...report, pcrs } }, 'its PCRs are not those of its quote'],
    [
      { report: { ...report, pcrs: { ...report.pcrs, 9: pcrs[4] } } },
      'it has PCRs that are not quoted',
    ],
    [
      { report: { ...report, signature: new Uint8Array(64) } },
      'its quote is not signed by its key',
    ],
    [
      { report: { ...report, log: new SoftTpm([]).report(KEY).log } },
      'its log does not lead to PCR 4',
    ],
  ];
  for (const [change, fault] of cases)
    expect(faultOf({ ...presented, ...change }, known)).toBe(fault);
});

it('a system whose data partition is still open to pods is not accepted', () => {
  const pcrs = good.pcrs();
  const open = { ...pcrs, 11: new Uint8Array(Buffer.from(extended('.linux', 'kernel'), 'hex')) };
  const fault = faultOf({ ...presented, report: good.report(KEY, open) }, known);
  expect(fault).toBe('its log does not lead to PCR 11');
});

it('the quote of a TPM is read', async () => {
  const vectors = path.join(import.meta.dirname, '../../host-api/vectors/attest.json');
  const Vectors = v.tuple([Report, v.object({ quoted: v.literal(false) })]);
  const [real] = v.parse(
    v.pipe(v.string(), v.parseJson(), Vectors),
    await readFile(vectors, 'utf8'),
  );
  const machine = { key: nameOfKey(real.public), pcrs: {} };
  const fault = faultOf(
    { node: 'node-1', report: real, bound: new TextEncoder().encode('a key') },
    { ...known, machines: new Map([['node-1', machine]]) },
  );
  // Signature, key and values are right; its log is none, because no firmware has started that TPM.
  expect(fault).toMatch(/its report cannot be read: decode/);
  expect(
    faultOf(
      { node: 'node-1', report: real, bound: KEY },
      { ...known, machines: new Map([['node-1', machine]]) },
    ),
  ).toBe('its quote is for another certificate request');
});
