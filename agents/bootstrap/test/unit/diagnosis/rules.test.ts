import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CATALOGUE } from '../../../src/core/diagnosis/catalogue.ts';
import { findFaults } from '../../../src/core/diagnosis/find.ts';
import { NO_SIGNS, type Reach, type Signs } from '../../../src/core/diagnosis/signs.ts';

const ENDPOINT = 'https://192.0.2.10:6443';

/** A node in its cluster, of which every part says something. */
const HEALTHY: Signs = {
  ...NO_SIGNS,
  cards: [{ name: 'eth0', hasCarrier: true }],
  hasAddress: true,
  gateway: { address: '192.0.2.1', replies: true },
  nameServers: [{ address: '192.0.2.53', replies: true }],
  api: { endpoint: ENDPOINT, reach: { kind: 'reached', version: 'v1.36.3' } },
  kubeletVersion: 'v1.36.3',
  certificate: { notAfter: 2000, now: 1000 },
  kubelet: { earlyEnds: 0, dropInsIgnored: false },
  clock: { sane: true, synced: true },
  disk: { device: '/dev/vda2', free: 0.5, freeInodes: 0.9, isReadOnly: false, errors: 0 },
};

const reach = (to: Reach): Partial<Signs> => ({ api: { endpoint: ENDPOINT, reach: to } });
const pod = (trouble: Signs['pods'][number]['trouble']): Partial<Signs> => ({
  pods: [{ pod: 'kube-system/dhcp-n', trouble, why: 'because' }],
});
const said = (code: string, cause = 'do it: no') => ({ code, cause, remedy: 'Do it.' });
const disk = (change: Partial<NonNullable<Signs['disk']>>): Partial<Signs> => ({
  disk: {
    device: '/dev/vda2',
    free: 0.5,
    freeInodes: 0.9,
    isReadOnly: false,
    errors: 0,
    ...change,
  },
});
const failed = (code: string, cause?: string): Partial<Signs> => ({
  isDataFailed: true,
  init: [said(code, cause)],
});

/** The signs of each fault, and what people read of it. */
const FAULTS: readonly (readonly [name: string, Partial<Signs>, code: string, cause: RegExp])[] = [
  ['no card', { cards: [], hasAddress: false }, 'KIOS_FAULT_NO_CARD', /no network card/],
  [
    'no carrier',
    { cards: [{ name: 'eth0', hasCarrier: false }], hasAddress: false, gateway: undefined },
    'KIOS_FAULT_NO_CARRIER',
    /eth0: nothing is connected/,
  ],
  ['no offer', { hasAddress: false }, 'KIOS_FAULT_NO_OFFER', /DHCP server/],
  [
    'a duplicate address',
    { hasConflict: true, hasAddress: false },
    'KIOS_FAULT_ADDRESS_TAKEN',
    /another machine/,
  ],
  [
    'a silent gateway',
    { gateway: { address: '192.0.2.1', replies: false }, ...reach({ kind: 'silent' }) },
    'KIOS_FAULT_GATEWAY_SILENT',
    /192\.0\.2\.1/,
  ],
  [
    'dead name servers',
    { nameServers: [{ address: '192.0.2.53', replies: false }], ...reach({ kind: 'unnamed' }) },
    'KIOS_FAULT_DNS_DEAD',
    /192\.0\.2\.53/,
  ],
  ['an MTU black hole', reach({ kind: 'only small' }), 'KIOS_FAULT_MTU', /full ones do not/],
  ['a need for a proxy', pod('registry unreached'), 'KIOS_FAULT_PROXY', /because/],
  [
    'an API server that is down',
    reach({ kind: 'closed', why: 'ECONNREFUSED' }),
    'KIOS_FAULT_API_UNREACHABLE',
    /192\.0\.2\.10:6443: ECONNREFUSED/,
  ],
  ['one that hangs', reach({ kind: 'silent' }), 'KIOS_FAULT_API_UNREACHABLE', /sends nothing/],
  ['one without address', reach({ kind: 'unnamed' }), 'KIOS_FAULT_API_UNREACHABLE', /no address/],
  [
    'one in trouble',
    reach({ kind: 'other', why: 'it answers 503' }),
    'KIOS_FAULT_API_UNREACHABLE',
    /503/,
  ],
  [
    'a wrong certificate',
    reach({ kind: 'untrusted', why: 'verify it: unknown' }),
    'KIOS_FAULT_API_CERTIFICATE',
    /unknown/,
  ],
  [
    'a certificate of another time',
    reach({ kind: 'other time', why: 'verify it: CERT_NOT_YET_VALID' }),
    'KIOS_FAULT_API_TIME',
    /NOT_YET/,
  ],
  ['a dead token', reach({ kind: 'refused', shown: 'token' }), 'KIOS_BOOTSTRAP_TOKEN', /token/],
  [
    'a token nobody signs',
    { join: said('KIOS_BOOTSTRAP_UNSIGNED') },
    'KIOS_BOOTSTRAP_UNSIGNED',
    /no/,
  ],
  [
    'a CA that changed',
    reach({ kind: 'refused', shown: 'certificate' }),
    'KIOS_FAULT_IDENTITY',
    /does not accept/,
  ],
  ['a request nobody approves', { requests: ['csr-1'] }, 'KIOS_FAULT_CSR', /csr-1/],
  ['a name that is taken', { isNameTaken: true }, 'KIOS_FAULT_NAME_TAKEN', /same name/],
  [
    'an older API server',
    reach({ kind: 'reached', version: 'v1.35.9' }),
    'KIOS_FAULT_VERSION_SKEW',
    /newer than its API server v1\.35\.9/,
  ],
  [
    'a kubelet that is too old',
    reach({ kind: 'reached', version: 'v1.40.0' }),
    'KIOS_FAULT_VERSION_SKEW',
    /too old/,
  ],
  [
    'an expired certificate',
    { certificate: { notAfter: 1000, now: 1000 } },
    'KIOS_FAULT_CERTIFICATE_EXPIRED',
    /1970-01-01T00:00:01/,
  ],
  [
    'a clock without source',
    { clock: { sane: true, synced: false } },
    'KIOS_FAULT_CLOCK_UNSYNCED',
    /no time server/,
  ],
  ['a wrong clock', { clock: { sane: false, synced: true } }, 'KIOS_FAULT_CLOCK_WRONG', /decades/],
  ['a full disk', disk({ free: 0.02 }), 'KIOS_FAULT_DISK_FULL', /2 % of its space/],
  ['no inodes', disk({ freeInodes: 0 }), 'KIOS_FAULT_DISK_FULL', /0 % of its inodes/],
  ['a damaged file system', disk({ errors: 3 }), 'KIOS_FAULT_DATA_DAMAGED', /3 faults/],
  ['one that became read-only', disk({ isReadOnly: true }), 'KIOS_FAULT_DATA_DAMAGED', /read-only/],
  [
    'a disk that became write-protected while it is used',
    { ...disk({}), protectedDisks: ['vda', 'vdb'] },
    'KIOS_FAULT_READ_ONLY',
    /write to vda:/,
  ],
  ['a partition that does not mount', failed('KIOS_INIT_DATA'), 'KIOS_INIT_DATA', /do it/],
  ['a TPM that keeps the key', failed('KIOS_INIT_CRYPT_TPM'), 'KIOS_INIT_CRYPT_TPM', /do it/],
  ['a second kiOS disk', failed('KIOS_INIT_DATA_TWICE'), 'KIOS_INIT_DATA_TWICE', /do it/],
  [
    'a read-only card',
    {
      ...failed('KIOS_INIT_DATA', 'mount /dev/mmcblk0p2: read-only file system'),
      protectedDisks: ['mmcblk0', 'vdb'],
    },
    'KIOS_FAULT_READ_ONLY',
    /write to mmcblk0:/,
  ],
  [
    'a locked card, as the kernel says it',
    {
      ...failed('KIOS_INIT_DATA', 'mount /dev/mmcblk0p2: permission denied'),
      protectedDisks: ['mmcblk0'],
    },
    'KIOS_FAULT_READ_ONLY',
    /write to mmcblk0: the medium/,
  ],
  ['a store that cannot be used', { init: [said('KIOS_INIT_STORE')] }, 'KIOS_INIT_STORE', /do it/],
  [
    'an update that it came back from',
    {
      update: { version: '0.1.0', isTrial: false, failed: { generation: 3, why: 'kubelet ended' } },
    },
    'KIOS_FAULT_UPDATE',
    /system 3: kubelet ended, and kiOS 0\.1\.0 runs again/,
  ],
  ['a missing image', pod('image missing'), 'KIOS_FAULT_IMAGE_MISSING', /dhcp-n: because/],
  ['a corrupt image', pod('image corrupt'), 'KIOS_FAULT_IMAGE_CORRUPT', /because/],
  ['no credentials', pod('image refused'), 'KIOS_FAULT_IMAGE_DENIED', /because/],
  ['a crash loop', pod('crashing'), 'KIOS_FAULT_CRASH_LOOP', /because/],
  [
    'no memory',
    { outOfMemory: [{ pod: 'a/b', limit: 'its limit is 16 MiB' }] },
    'KIOS_FAULT_OOM',
    /a\/b: its limit is 16 MiB/,
  ],
  [
    'no processes',
    {
      outOfProcesses: [
        { pod: 'a/b', limit: 'few' },
        { pod: 'a/c', limit: 'few' },
      ],
    },
    'KIOS_FAULT_PIDS',
    /a\/b, and 1 more/,
  ],
  [
    'a refused module',
    { modules: [{ name: 'nbd', why: 'signature rejected' }] },
    'KIOS_FAULT_MODULE',
    /nbd: signature/,
  ],
  [
    'an invalid configuration',
    { kubelet: { earlyEnds: 0, dropInsIgnored: true } },
    'KIOS_INIT_KUBELET_CONFIG',
    /configuration/,
  ],
  [
    'one with which kubelet ends',
    { kubelet: { earlyEnds: 3, dropInsIgnored: false, why: 'failed to load kubelet config' } },
    'KIOS_INIT_KUBELET_CONFIG',
    /failed to load/,
  ],
  [
    'a kubelet that ends',
    { kubelet: { earlyEnds: 3, dropInsIgnored: false, why: 'no disk' } },
    'KIOS_FAULT_KUBELET',
    /3 times in a row: no disk/,
  ],
  ['a silent containerd', { isRuntimeSilent: true }, 'KIOS_FAULT_RUNTIME', /containerd/],
  ['no network plugin', { hasPodNetwork: false }, 'KIOS_FAULT_CNI', /net\.d/],
];

const found = (change: Partial<Signs>) => findFaults({ ...HEALTHY, ...change });

describe('the rules', () => {
  it.each(FAULTS)('tell %s, and nothing else', (_name, change, code, cause) => {
    const faults = found(change);
    expect(faults.map((fault) => fault.code)).toEqual([code]);
    expect(faults[0]?.cause).toMatch(cause);
    expect(faults[0]?.cause).toMatch(/^[a-z]/);
  });

  it('tell each fault of the catalogue', () => {
    const told = new Set(FAULTS.map(([, , code]) => code));
    expect(Object.keys(CATALOGUE).filter((code) => !told.has(code))).toEqual([]);
  });

  it('find none on a healthy node, and none where nothing is said', () => {
    expect(findFaults(HEALTHY)).toEqual([]);
    expect(findFaults({ ...NO_SIGNS, hasAddress: true })).toEqual([]);
  });

  it('find none on a node that is being joined', () => {
    const joining = { api: undefined, certificate: undefined, kubeletVersion: undefined };
    expect(found(joining)).toEqual([]);
  });

  it('name the cause, and not what follows from it', () => {
    const unplugged: Partial<Signs> = {
      cards: [{ name: 'eth0', hasCarrier: false }],
      hasAddress: false,
      nameServers: [{ address: '192.0.2.53', replies: false }],
      join: said('KIOS_BOOTSTRAP_UNREACHABLE'),
      ...reach({ kind: 'closed', why: 'EHOSTUNREACH' }),
    };
    expect(found(unplugged).map(({ code }) => code)).toEqual(['KIOS_FAULT_NO_CARRIER']);
  });

  it('do not hide an API server behind name servers that it does not need', () => {
    const both: Partial<Signs> = {
      nameServers: [{ address: '192.0.2.53', replies: false }],
      ...reach({ kind: 'closed', why: 'ECONNREFUSED' }),
    };
    expect(found(both).map(({ code }) => code)).toEqual([
      'KIOS_FAULT_DNS_DEAD',
      'KIOS_FAULT_API_UNREACHABLE',
    ]);
  });

  it.each([
    ['verify it: unknown (CERT_NOT_YET_VALID)', 'KIOS_FAULT_API_TIME'],
    ['verify it: unknown (SELF_SIGNED_CERT_IN_CHAIN)', 'KIOS_FAULT_API_CERTIFICATE'],
  ])('read a certificate refused by a join: %s', (cause, code) => {
    const faults = found({ join: said('KIOS_BOOTSTRAP_UNTRUSTED', cause) });
    expect(faults).toEqual([expect.objectContaining({ code, cause })]);
  });

  it('accept a kubelet that is three releases older, and a file system without inodes', () => {
    expect(found(reach({ kind: 'reached', version: 'v1.39.1' }))).toEqual([]);
    expect(found(disk({ freeInodes: 1 }))).toEqual([]);
    expect(found({ protectedDisks: ['sdb'] })).toEqual([]);
    expect(found({ kubelet: { earlyEnds: 2, dropInsIgnored: false } })).toEqual([]);
  });

  it('call only the disk with the state write-protected, and not a seed beside it', () => {
    const locked = { ...disk({ isReadOnly: true }), protectedDisks: ['vda', 'vdb'] };
    expect(found(locked)).toMatchObject([
      { cause: expect.stringMatching(/^write to vda:/) as unknown },
    ]);
    const damaged = failed('KIOS_INIT_DATA', 'mount /dev/nvme0n1p2: invalid argument');
    const others = { protectedDisks: ['sr0', 'vdb', 'nvme0n11', 'nvme0n'] };
    expect(found({ ...damaged, ...others })).toMatchObject([{ code: 'KIOS_INIT_DATA' }]);
    expect(found({ ...damaged, protectedDisks: ['nvme0n1'] })).toMatchObject([
      { code: 'KIOS_FAULT_READ_ONLY' },
    ]);
  });

  it('tell no fault without one of its signs, whatever others there are', () => {
    const changes = fc.subarray(FAULTS.map((_, index) => index));
    fc.assert(
      fc.property(changes, (chosen) => {
        const signs = chosen.reduce<Signs>(
          (all, index) => ({ ...all, ...FAULTS[index]?.[1] }),
          HEALTHY,
        );
        const allowed = new Set(chosen.map((index) => FAULTS[index]?.[2]));
        // A missing address is the fault behind the others that take it away.
        if (!signs.hasAddress) allowed.add('KIOS_FAULT_NO_OFFER');
        const strange = findFaults(signs).filter(({ code }) => !allowed.has(code));
        expect(strange).toEqual([]);
      }),
    );
  });
});
