import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { allSections, measureSections } from '../../src/build/formats/measurement.ts';
import { makeUki, readSections } from '../../src/build/formats/uki.ts';
import { makeDataImage } from '../../src/build/image/disk.ts';
import { MODULES_SECTION } from '../../src/build/image/modules-image.ts';
import { readStub } from '../../src/build/image/stub.ts';
import { MeasurementKey } from '../../src/build/secure-boot/measurement-key.ts';
import { extract, fetchDebian } from '../../src/build/sources/debian/archive.ts';
import { LOADER, openToolroot, triplet } from '../../src/build/sources/debian/toolroot.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { makeKey } from '../support/signing-keys.ts';

/** Measurements of EFI files, as systemd's own tool computes and signs them. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 900_000 });

const PACKAGES = [
  'systemd',
  'libsystemd-shared',
  'libacl1',
  'libblkid1',
  'libc6',
  'libcap2',
  'libcrypt1',
  'libmount1',
  'libpcre2-8-0',
  'libseccomp2',
  'libselinux1',
  'libssl3t64',
  'libtss2-esys-3.0.2-0t64',
  'libtss2-mu-4.0.1-0t64',
  'libtss2-rc0t64',
  'libtss2-sys1t64',
  'libzstd1',
  'zlib1g',
];

let dir: string;
let root: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-measurement-'));
  const wanted = { arch: workstationArch(), packages: PACKAGES, progress: silent };
  root = await extract(await fetchDebian(wanted));
});
afterAll(() => rm(dir, { recursive: true }));

async function systemdMeasure(...args: readonly string[]): Promise<string> {
  const libraries = path.join(root, 'usr/lib', triplet(workstationArch()));
  const ld = path.join(libraries, LOADER[workstationArch()]);
  const program = path.join(root, 'usr/lib/systemd/systemd-measure');
  const paths = [libraries, path.join(libraries, 'systemd')].join(':');
  return run(ld, ['--library-path', paths, program, ...args]);
}

it.each(['amd64', 'arm64'] as const)(
  'the stub of %s has room for a signature, which is that of systemd-measure',
  async (arch) => {
    const key = path.join(dir, 'pcr.key');
    await writeFile(key, makeKey().export({ type: 'pkcs8', format: 'pem' }));
    const signer = await MeasurementKey.open(key);
    const { bytes: stub } = await readStub(arch, silent);
    const own = ['.cmdline', '.uname', '.initrd', '.linux', MODULES_SECTION].map((name) => ({
      name,
      content: Buffer.from(`${name} of ${arch}`),
    }));
    const added = signer.sections(stub, own);
    const whole = makeUki(stub, [...own, ...added]);
    expect(measureSections(readSections(whole))).toEqual(
      measureSections(allSections(stub, [...own, ...added])),
    );
    const options: string[] = [];
    for (const { name, content } of readSections(whole)) {
      const option = name.slice(1);
      if (!['linux', 'cmdline', 'initrd', 'uname', 'sbat', 'pcrpkey'].includes(option)) continue;
      const file = path.join(dir, option);
      await writeFile(file, content);
      options.push(`--${option}=${file}`);
    }
    const bank = ['--phase=', '--bank=sha256', ...options];
    expect(await systemdMeasure('calculate', ...bank)).toContain(
      `11:sha256=${measureSections(readSections(whole)).toString('hex')}`,
    );
    const keys = [`--private-key=${key}`, `--public-key=${path.join(dir, 'pcrpkey')}`];
    const signed: unknown = JSON.parse(await systemdMeasure('sign', ...keys, ...bank));
    const ours: unknown = JSON.parse(Buffer.from(added[1]?.content ?? []).toString());
    expect(ours).toEqual(signed);
  },
);

it('the file system that init copies is small in the image, and the same each time', async () => {
  const tools = await openToolroot(silent);
  const image = await makeDataImage(dir, 1_800_000_000, tools);
  expect(image.length).toBeLessThan(1_000_000);
  expect(await makeDataImage(dir, 1_800_000_000, tools)).toEqual(image);
  expect(image.toString('latin1', 0, 8)).toBe('kiosimg1');
});
