import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import {
  ANNOTATION,
  certificateRequest,
  formatReport,
  nameOfKey,
  NODE_SIGNER,
  NODE_USAGES,
  requestInfo,
} from '@kios/attestation';
import { type Measured, SoftTpm } from '@kios/attestation/testing';
import { toHex } from '@kios/bytes';
import { KiosError } from '@kios/errors';
import type { V1CertificateSigningRequest } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { Approver } from '../src/approver.ts';
import type { Decision } from '../src/decide.ts';

const hash = (...parts: readonly (string | Buffer)[]): Buffer => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest();
};
const PCR11 = hash(Buffer.alloc(32), hash('system')).toString('hex');
const GOOD: readonly Measured[] = [
  [2, 'card'],
  [4, 'guard'],
  [4, 'kios.efi'],
  [11, 'system'],
  [4, 'kernel'],
];

let dir: string;
let lists: { readonly systems: string; readonly machines: string };
let requests: V1CertificateSigningRequest[];
let settled: Map<string, Decision>;
let lines: object[];
let approver: Approver;
const tpm = new SoftTpm(GOOD);

const machineOf = (of: SoftTpm): object => ({
  key: nameOfKey(of.public),
  pcrs: { 2: toHex(of.pcrs()['2'] ?? new Uint8Array()) },
});
const build = { v: 1, version: '1', measured: { key: 'k', pcr11: PCR11, programs: digests() } };

function digests(): string[] {
  return ['guard', 'kios.efi', 'kernel'].map((program) => hash(program).toString('hex'));
}

async function write(machines: object, builds: Readonly<Record<string, object>>): Promise<void> {
  await writeFile(lists.machines, JSON.stringify(machines));
  for (const [name, text] of Object.entries(builds))
    await writeFile(path.join(lists.systems, name), JSON.stringify(text));
}

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-approver-'));
  lists = { systems: path.join(dir, 'systems'), machines: path.join(dir, 'machines.yaml') };
  await mkdir(lists.systems);
  await write({ 'node-1': machineOf(tpm) }, { '1.json': build });
  requests = [];
  settled = new Map();
  lines = [];
  const api = {
    list: async () => Promise.resolve(requests),
    settle: async ({ metadata }: V1CertificateSigningRequest, decision: Decision) => {
      settled.set(metadata?.name ?? '', decision);
      return Promise.resolve();
    },
  };
  approver = new Approver(lists, api, (ev, fields) => lines.push({ ev, ...fields }));
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** Returns what the agent of a node sends; the TPM may belong to another one. */
function requestFrom(
  name: string,
  chip: SoftTpm | undefined,
  change: Partial<V1CertificateSigningRequest['spec']> = {},
): V1CertificateSigningRequest {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const info = requestInfo(name, spki);
  const pem = certificateRequest(info, new Uint8Array(sign('sha256', info, privateKey)));
  const annotations =
    chip === undefined ? undefined : { [ANNOTATION]: formatReport(chip.report(spki)) };
  return {
    metadata: { name: `of-${name}`, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: NODE_SIGNER,
      usages: [...NODE_USAGES],
      username: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:authenticated'],
      ...change,
    },
  };
}

/** Returns why a request is denied; undefined when it is approved, and `left` when it is nobody's affair here. */
async function faultOf(request: V1CertificateSigningRequest): Promise<string | undefined> {
  requests = [request];
  await approver.pass();
  const decision = settled.get(request.metadata?.name ?? '');
  return decision === undefined ? 'left' : decision.fault;
}

it('a known machine with a known system is approved', async () => {
  expect(await faultOf(requestFrom('node-1', tpm))).toBeUndefined();
  expect(lines).toMatchObject([{ ev: 'approved', node: 'node-1', request: 'of-node-1' }]);
});

it('another system is denied, and after it was put on the list the next request is approved', async () => {
  const events = GOOD.map(([pcr, what]) => [pcr, pcr === 11 ? 'system 2' : what] as const);
  const other = new SoftTpm(events);
  await write({ 'node-2': machineOf(other) }, {});
  expect(await faultOf(requestFrom('node-2', other))).toMatch(/runs a system that is not known/);
  settled.clear();
  const pcr11 = hash(Buffer.alloc(32), hash('system 2')).toString('hex');
  await write(
    { 'node-2': machineOf(other) },
    { '2.json': { measured: { pcr11, programs: digests() } } },
  );
  expect(await faultOf(requestFrom('node-2', other))).toBeUndefined();
});

it('an unknown machine is denied, and the log has its line for the list', async () => {
  const other = new SoftTpm(GOOD);
  expect(await faultOf(requestFrom('node-9', other))).toMatch(/no machine is known by the name/);
  expect(lines).toMatchObject([{ ev: 'denied', node: 'node-9', machine: machineOf(other) }]);
});

it.each([
  ['without a proof', requestFrom('node-1', undefined), /no proof/],
  ['of a machine under another name', requestFrom('node-2', tpm), /no machine is known/],
  ['for other usages', requestFrom('node-1', tpm, { usages: ['server auth'] }), /other usages/],
  ['of other bytes', requestFrom('node-1', tpm, { request: 'AAAA' }), /not one request in PEM/],
])('a request %s is denied', async (_name, request, says) => {
  expect(await faultOf(request)).toMatch(says);
});

it('a proof that was made for another request is denied', async () => {
  const [one, other] = [requestFrom('node-1', tpm), requestFrom('node-1', tpm)];
  const stolen = { metadata: other.metadata ?? {}, spec: one.spec };
  expect(await faultOf(stolen)).toBe('its quote is for another certificate request');
});

it.each([
  ['of a node that renews its certificate', { groups: ['system:nodes'] }],
  ['for another signer', { signerName: 'kubernetes.io/kubelet-serving' }],
])('a request %s is left alone', async (_name, change) => {
  expect(await faultOf(requestFrom('node-1', undefined, change))).toBe('left');
});

it('what is decided stays, and what others approve is told once', async () => {
  const conditions = [{ type: 'Approved', status: 'True', reason: 'AutoApproved' }];
  const { metadata = {}, spec } = requestFrom('node-1', undefined);
  const request = { metadata, spec, status: { conditions } };
  expect(await faultOf(request)).toBe('left');
  await approver.pass();
  expect(lines).toMatchObject([{ ev: 'approved.by-others', request: 'of-node-1' }]);
});

it.each<readonly [string, object, Readonly<Record<string, object>>, RegExp]>([
  [
    'a build without its measurement',
    {},
    { 'a.json': { v: 1 } },
    /a\.json: it was built without --pcr-key/,
  ],
  [
    'a machine without PCR 2',
    { n: { key: PCR11, pcrs: { 7: PCR11 } } },
    {},
    /n\.pcrs must have 2:/,
  ],
  ['a machine without a key', { n: { pcrs: { 2: PCR11 } } }, {}, /machines\.yaml: n\.key/],
])('with %s nothing is decided', async (_name, machines, builds, says) => {
  await write(machines, builds);
  requests = [requestFrom('node-1', tpm)];
  await expect(approver.pass()).rejects.toThrow(says);
  expect(settled.size).toBe(0);
});

it('a request that cannot be decided does not keep the others from it', async () => {
  const api = {
    list: async () => Promise.resolve([requestFrom('node-0', tpm), requestFrom('node-1', tpm)]),
    settle: async ({ metadata }: V1CertificateSigningRequest, decision: Decision) => {
      if (metadata?.name === 'of-node-0') throw new KiosError('KIOS_ATTESTATION_API', 'decide');
      settled.set(metadata?.name ?? '', decision);
      return Promise.resolve();
    },
  };
  await expect(new Approver(lists, api, () => {}).pass()).rejects.toThrow('decide');
  expect([...settled.keys()]).toEqual(['of-node-1']);
});
