import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeUki, readSections, type UkiSection } from '../../src/build/formats/uki.ts';
import type { BuiltImage } from '../../src/build/image/artefacts.ts';
import { ENTRY_FOLDER } from '../../src/build/image/boot-slots.ts';
import { buildImage } from '../../src/build/image/build-image.ts';
import { LAYOUT } from '../../src/build/image/disk.ts';
import { MODULES_SECTION } from '../../src/build/image/modules-image.ts';
import { readStub } from '../../src/build/image/stub.ts';
import { readEnrolment } from '../../src/build/secure-boot/enrolment.ts';
import { createKeys } from '../../src/build/secure-boot/keys.ts';
import { MeasurementKey } from '../../src/build/secure-boot/measurement-key.ts';
import { Signer } from '../../src/build/secure-boot/signer.ts';
import { waitReady } from '../../src/lab/boot.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { ApproverProcess } from '../support/approver.ts';
import { EncryptedMachine, type Opened } from '../support/encrypted-machine.ts';
import { describeRecorded } from '../support/recorded.ts';
import { addSystem, entriesOn, replaceSystem } from '../support/slots.ts';
import { withBrokenKernel } from '../support/systems.ts';
import { unsealingPod } from '../support/unsealing-pod.ts';

const BUILD_MS = 90 * 60_000;
const BOOT_MS = 15 * 60_000;
const timeout = BOOT_MS;
const MIB = 2 ** 20;
/** The node asks again five minutes after it was denied. */
const RETRY_MS = 10 * 60_000;
const NODE = 'attested';
const HEADER_BYTES = 16 * MIB;
const CRB = 'tpm-crb';

/** The sections that the build gives an EFI file. */
const OWN = ['.cmdline', '.uname', '.initrd', '.linux', MODULES_SECTION];
const KEY = /[0-9A-TV-Z]{5}(?:-[0-9A-TV-Z]{5}){7}/g;

/** Returns the fields of the first event of a name. */
const fieldsOf = (opened: Opened, name: string): Readonly<Record<string, unknown>> | undefined =>
  opened.events.find(({ agent, ev }) => agent === 'init' && ev === name)?.fields;

/** Returns what a boot says of its state: the codes of what failed, and where the state is. */
const outcomeOf = (opened: Opened) => ({
  codes: ['data.failed', 'data.key', 'data.recovered', 'data.plain'].flatMap((name) => {
    const code = fieldsOf(opened, name)?.['code'];
    return typeof code === 'string' ? [code] : [];
  }),
  mounted: fieldsOf(opened, 'data.mounted') !== undefined,
});

const OPENED = { codes: [], mounted: true };

// A data partition that only signed systems of one machine open, and a person.
await describeRecorded('encryption', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let dir: string;
  let image: BuiltImage;
  let key: MeasurementKey;
  let signer: Signer;
  let machine: EncryptedMachine;
  let recoveryKey = '';

  /** Returns the sections of the build, with another word on the command line, which init ignores. */
  async function changedSections(word: string): Promise<UkiSection[]> {
    const sections = readSections(await readFile(image.efi));
    return OWN.map((name) => {
      const content = sections.find((one) => one.name === name)?.content ?? Buffer.alloc(0);
      if (name !== '.cmdline') return { name, content };
      return { name, content: Buffer.concat([content, Buffer.from(` ${word}`)]) };
    });
  }

  /** Makes a system that differs from the build's, with these further sections. */
  async function systemWith(
    word: string,
    further: (stub: Buffer, own: readonly UkiSection[]) => readonly UkiSection[],
  ): Promise<Buffer> {
    const { bytes: stub } = await readStub('amd64', silent);
    const own = await changedSections(word);
    return signer.sign('kios.efi', makeUki(stub, [...own, ...further(stub, own)]), dir);
  }

  async function putSystem(efi: Buffer): Promise<void> {
    await using medium = await machine.openMedium();
    await replaceSystem(medium, efi);
  }

  const putBuilt = async (): Promise<void> => putSystem(await readFile(image.efi));

  async function putRecoveryKey(text: string): Promise<void> {
    await using medium = await machine.openMedium();
    await medium.write('kios/recovery-key', Buffer.from(text));
  }

  async function filesOnMedium(): Promise<readonly string[]> {
    await using medium = await machine.openMedium();
    return await medium.list();
  }

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    dir = await mkdtemp(path.join(tmpdir(), 'kios-encryption-'));
    const signal = new AbortController().signal;
    const context = { progress, signal, undo: new AsyncDisposableStack(), print: () => {} };
    const keys = path.join(dir, 'keys');
    await createKeys(context, { folder: keys, from: undefined, microsoft: false });
    key = await MeasurementKey.open(path.join(keys, 'pcr.key'));
    const files = { key: path.join(keys, 'db.key'), certificate: path.join(keys, 'db.crt') };
    signer = await Signer.open(files, progress);
    const enrolment = await readEnrolment(keys, signer.certificate);
    image = await buildImage({
      arch: 'amd64',
      progress,
      out: path.join(dir, 'dist'),
      secureBoot: { signer, enrolment },
      measurementKey: key,
    });
    machine = await EncryptedMachine.make();
    await machine.flash(image.image, { 'kios/encrypt': '' });
  }, BUILD_MS);

  afterAll(async () => {
    await machine[Symbol.asyncDispose]();
    await down(silent, { purge: true });
    await rm(dir, { recursive: true, force: true });
  }, 120_000);

  it(
    'the first boot makes the partition, and shows the recovery key once',
    { timeout },
    async () => {
      const first = await machine.start({ tpm: CRB, toEnd: true });
      expect(outcomeOf(first)).toEqual(OPENED);
      expect(fieldsOf(first, 'data.encrypted')).toMatchObject({ device: '/dev/vda2' });
      expect(fieldsOf(first, 'store.ready')).toMatchObject({ fresh: true });
      expect(fieldsOf(first, 'data.recovery-key')).toBeDefined();
      const shown = first.said.match(KEY) ?? [];
      expect(shown).toHaveLength(1);
      recoveryKey = shown[0] ?? '';
    },
  );

  it('the second boot opens it, and shows nothing', { timeout }, async () => {
    const second = await machine.start({ tpm: CRB, toEnd: true });
    expect(outcomeOf(second)).toEqual(OPENED);
    expect(fieldsOf(second, 'data.opened')).toMatchObject({ recovered: false });
    expect(fieldsOf(second, 'store.ready')).toMatchObject({ fresh: false });
    expect(second.said).not.toMatch(KEY);
  });

  it('no pod gets the key from the TPM, however privileged', { timeout }, async () => {
    const sections = readSections(await readFile(image.efi));
    const files = await unsealingPod(dir, '/dev/vda2', sections);
    {
      await using medium = await machine.openMedium();
      for (const [name, content] of Object.entries(files)) {
        const folder = path.posix.dirname(name);
        if (!(await medium.folders()).includes(folder)) await medium.makeFolder(folder);
        await medium.write(name, content);
      }
    }
    const { fields } = await machine.during({ tpm: CRB }, ({ console }) =>
      console.expect('the try of the pod', ({ ev }) => ev === 'unseal.tried', BOOT_MS),
    );
    expect(fields).toMatchObject({ given: false, passed: true });
    await using medium = await machine.openMedium();
    for (const name of Object.keys(files)) await medium.remove(name);
  });

  it('no name of the node’s files is on the disk in the clear', { timeout }, async () => {
    await using disk = await open(machine.disk);
    const { offset } = LAYOUT.partitions[1]!;
    const chunk = Buffer.alloc(64 * MIB);
    await disk.read(chunk, 0, chunk.length, offset);
    expect(chunk.toString('latin1', 0, 6)).toBe('LUKS\xba\xbe');
    for (let at = HEADER_BYTES; at < 512 * MIB; at += chunk.length) {
      await disk.read(chunk, 0, chunk.length, offset + at);
      for (const text of ['machine-id', 'kubelet.conf', 'containerd'])
        expect([at, text, chunk.includes(text)]).toEqual([at, text, false]);
    }
  });

  it('with the other interface of TPMs it opens, too', { timeout }, async () => {
    expect(outcomeOf(await machine.start({ tpm: 'tpm-tis' }))).toEqual(OPENED);
  });

  it('an update that the same key has signed opens it', { timeout }, async () => {
    await putSystem(await systemWith('kios.test=1', (stub, own) => key.sections(stub, own)));
    expect(outcomeOf(await machine.start({ tpm: CRB }))).toEqual(OPENED);
    await putBuilt();
  });

  it(
    'other firmware, and keys of Secure Boot that it took since, open it',
    { timeout: 2 * timeout },
    async () => {
      const opened = await machine.start({ tpm: CRB, secureBoot: true });
      expect(outcomeOf(opened)).toEqual(OPENED);
    },
  );

  describe('it stays closed, and the node runs from RAM,', () => {
    it('with words by SMBIOS', { timeout }, async () => {
      const opened = await machine.start({ tpm: CRB, words: ['kios.console=events'] });
      expect(outcomeOf(opened)).toEqual({ codes: ['KIOS_INIT_CRYPT_WORDS'], mounted: false });
    });

    it('for a system without a signature', { timeout }, async () => {
      await putSystem(await systemWith('kios.test=2', () => []));
      const opened = await machine.start({ tpm: CRB });
      expect(outcomeOf(opened)).toEqual({ codes: ['KIOS_INIT_CRYPT_SYSTEM'], mounted: false });
    });

    it('for a foreign system with the signature of ours', { timeout }, async () => {
      const ours = readSections(await readFile(image.efi)).filter(({ name }) =>
        name.startsWith('.pcr'),
      );
      await putSystem(await systemWith('kios.test=3', () => ours));
      const opened = await machine.start({ tpm: CRB });
      expect(outcomeOf(opened)).toEqual({ codes: ['KIOS_INIT_CRYPT_SYSTEM'], mounted: false });
      await putBuilt();
    });

    it('without a TPM', { timeout }, async () => {
      const opened = await machine.start({});
      expect(outcomeOf(opened)).toEqual({ codes: ['KIOS_INIT_CRYPT_TPM'], mounted: false });
    });

    it('with a wrong recovery key, which is taken off the medium', { timeout }, async () => {
      await putRecoveryKey(`${'0000A-'.repeat(7)}0000A\n`);
      const opened = await machine.start({});
      const codes = ['KIOS_INIT_CRYPT_TPM', 'KIOS_INIT_CRYPT_KEY'];
      expect(outcomeOf(opened)).toEqual({ codes, mounted: false });
      expect(await filesOnMedium()).not.toContain('kios/recovery-key');
    });
  });

  it('without a TPM the recovery key opens it, once', { timeout: 2 * timeout }, async () => {
    await putRecoveryKey(`${recoveryKey.toLowerCase()}\r\n`);
    const opened = await machine.start({});
    expect(outcomeOf(opened)).toEqual({ codes: ['KIOS_INIT_CRYPT_RECOVERED'], mounted: true });
    expect(fieldsOf(opened, 'data.recovered')).toMatchObject({ resealed: false });
    expect(await filesOnMedium()).not.toContain('kios/recovery-key');
    const next = await machine.start({});
    expect(outcomeOf(next)).toEqual({ codes: ['KIOS_INIT_CRYPT_TPM'], mounted: false });
  });

  it(
    'a newer system whose kernel returns closes it for one start only',
    { timeout: 2 * timeout },
    async () => {
      const newer = withBrokenKernel(await readFile(image.efi));
      let generation: number;
      {
        await using medium = await machine.openMedium();
        generation = await addSystem(medium, newer);
      }
      const opened = await machine.during({ tpm: CRB }, async ({ console }) => {
        const closed = await console.expect('a closed partition', ({ ev }) => ev === 'data.failed', BOOT_MS); // prettier-ignore
        expect(closed.fields).toMatchObject({ code: 'KIOS_INIT_CRYPT_SYSTEM' });
        await console.expect('the reboot', ({ ev }) => ev === 'slots.returned', BOOT_MS);
        return console.expect('an open one', ({ ev }) => ev === 'data.opened', BOOT_MS);
      });
      expect(opened.fields).toMatchObject({ recovered: false });
      await using medium = await machine.openMedium();
      const spent = `kios-${String(generation).padStart(4, '0')}+0-0.conf`;
      expect(await entriesOn(medium)).toContain(spent);
      await medium.remove(`${ENTRY_FOLDER}/${spent}`);
    },
  );

  it('after all of that the TPM opens it as before', { timeout }, async () => {
    expect(outcomeOf(await machine.start({ tpm: CRB }))).toEqual(OPENED);
  });

  it('a cleared TPM gets a key again by the recovery key', { timeout: 3 * timeout }, async () => {
    await machine.clearTpm();
    const closed = await machine.start({ tpm: CRB });
    expect(outcomeOf(closed)).toEqual({ codes: ['KIOS_INIT_CRYPT_TPM'], mounted: false });
    await putRecoveryKey(recoveryKey);
    const opened = await machine.start({ tpm: CRB });
    expect(outcomeOf(opened)).toEqual({ codes: ['KIOS_INIT_CRYPT_RECOVERED'], mounted: true });
    expect(fieldsOf(opened, 'data.recovered')).toMatchObject({ resealed: true });
    expect(outcomeOf(await machine.start({ tpm: CRB }))).toEqual(OPENED);
  });

  it(
    'a medium that was used without encryption is not encrypted',
    { timeout: 2 * timeout },
    async () => {
      await machine.flash(image.image, {});
      expect(outcomeOf(await machine.start({ tpm: CRB }))).toEqual(OPENED);
      {
        await using medium = await machine.openMedium();
        await medium.write('kios/encrypt', Buffer.from(''));
      }
      const opened = await machine.start({ tpm: CRB });
      expect(outcomeOf(opened)).toEqual({ codes: ['KIOS_INIT_CRYPT_PLAIN'], mounted: true });
    },
  );

  it(
    'a machine without a TPM is not given a partition that it could not open',
    { timeout },
    async () => {
      await machine.flash(image.image, { 'kios/encrypt': '' });
      const opened = await machine.start({});
      expect(outcomeOf(opened)).toEqual({ codes: ['KIOS_INIT_CRYPT_MAKE'], mounted: false });
      expect(opened.said).not.toMatch(KEY);
    },
  );

  describe('a node that has to prove what it has started', () => {
    let controlPlane: ControlPlane;
    let kubectl: Kubectl;
    let approver: ApproverProcess;

    beforeAll(async () => {
      controlPlane = await startControlPlane({ progress });
      kubectl = await Kubectl.open(controlPlane.adminKubeconfig);
      await kubectl.call(['delete', 'clusterrolebinding', 'kubeadm:node-autoapprove-bootstrap']);
      const build = await readFile(path.join(dir, 'dist/build.json'), 'utf8');
      const lists = path.join(dir, 'lists');
      approver = await ApproverProcess.start(lists, controlPlane.adminKubeconfig, [build]);
      const { 'user-data': document } = seedFor(
        {
          instanceId: 'attested',
          endpoint: controlPlane.endpointForGuest,
          caCertHash: controlPlane.caCertHash,
          token: await controlPlane.createBootstrapToken(),
          nodeName: NODE,
        },
        { attest: true },
      );
      await machine.flash(image.image, { 'kios/encrypt': '', 'kios/bootstrap.yaml': document });
    }, BUILD_MS);

    afterAll(() => approver[Symbol.dispose]());

    const joining = () => ({ tpm: CRB, workstationPorts: [controlPlane.apiPort] }) as const;

    it(
      'is denied with another system, though the same key has signed it',
      { timeout: timeout + RETRY_MS },
      async () => {
        await putSystem(await systemWith('kios.test=4', (stub, own) => key.sections(stub, own)));
        await machine.during(joining(), async ({ console }) => {
          const unknown = await approver.expect('denied', BOOT_MS);
          expect([unknown['node'], unknown['why']]).toEqual([
            NODE,
            expect.stringMatching(/^no machine/),
          ]);
          const from = approver.said.length;
          await approver.list({ [NODE]: unknown['machine'] });
          const denied = await approver.expect('denied', RETRY_MS, from);
          expect(denied['why']).toMatch(/^its firmware started what is not known: [0-9a-f]{64}$/);
          const told = await console.expect(
            'the refusal',
            ({ ev }) => ev === 'attest.denied',
            RETRY_MS,
          );
          expect(told.fields['err']).toMatchObject({ code: 'KIOS_BOOTSTRAP_DENIED' });
        });
      },
    );

    it('joins with the system on the list', { timeout: 2 * timeout }, async () => {
      await putBuilt();
      await machine.during(joining(), async (node) => {
        const approved = await approver.expect('approved', BOOT_MS);
        expect(approved).toMatchObject({ node: NODE });
        await waitReady(node, kubectl, NODE, AbortSignal.timeout(BOOT_MS));
      });
      expect(approver.said.filter(({ ev }) => ev === 'approved.by-others')).toEqual([]);
    });
  });
});
