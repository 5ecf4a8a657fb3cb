import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { KiosError } from '@kios/errors';
import { requireRoot } from '@kios/testkit';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { Tree } from '../../src/build/formats/tree.ts';
import { makeUki } from '../../src/build/formats/uki.ts';
import { PI_FILES } from '../../src/build/image/boot-file.ts';
import { entryText } from '../../src/build/image/boot-slots.ts';
import { LAYOUT, makeDisk } from '../../src/build/image/disk.ts';
import { makeErofs } from '../../src/build/image/erofs.ts';
import { makeInitramfs } from '../../src/build/image/initramfs.ts';
import { rootFile } from '../../src/build/image/root.ts';
import { openToolroot, type Toolroot } from '../../src/build/sources/debian/toolroot.ts';
import { checkDocument } from '../../src/media/configure/agent-check.ts';
import { configure, type ConfigureOptions } from '../../src/media/configure/configure.ts';
import { Partition } from '../../src/media/configure/partition.ts';
import type { ConfigureRequest } from '../../src/media/configure/wanted.ts';
import { sha256 } from '../../src/workstation/digest.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { mediumWith } from '../support/efi-medium.ts';
import { makeStub } from '../support/stub.ts';
import { origin } from '../support/trees.ts';
import { archive, writeUserImage } from '../support/user-image.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const DOCUMENT = `# kept
apiVersion: kios.dev/v1
kind: NodeBootstrap
cluster: {endpoint: "https://192.0.2.10:6443", caCertHashes: ["sha256:${'0'.repeat(64)}"]}
auth: {bootstrapToken: ${TOKEN}}
`;
const JOIN = `kubeadm join 192.0.2.10:6443 --token ${TOKEN} --discovery-token-ca-cert-hash sha256:${'0'.repeat(64)}`;
const joinAs = (name: string): string => JOIN.replace(' join ', ` join --node-name ${name} `);
const pod = (name: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  automountServiceAccountToken: false
  containers:
    - name: main
      image: registry.example/${name}:1.0
      resources: {limits: {memory: 16Mi}}
      securityContext:
        runAsUser: 1000
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
        seccompProfile: {type: RuntimeDefault}
`;

let dir: string;
/** Where the command has its temporary files. */
let scratch: string;
let tools: Toolroot;
let image: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-configure-test-'));
  tools = await openToolroot(silent);
  scratch = path.join(dir, 'scratch');
  await mkdir(scratch);
  vi.stubEnv('TMPDIR', scratch);
  const efi = path.join(dir, 'kios.efi');
  await writeFile(efi, Buffer.alloc(3_000_000, 'MZ'));
  await makeDisk({ out: path.join(dir, 'kios.img'), boot: mediumWith(efi), time: 0, tools });
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

beforeEach(async () => {
  image = path.join(dir, 'own.img');
  await run('cp', ['--sparse=always', path.join(dir, 'kios.img'), image]);
});

/** Makes the image one of a board, by what lies on its first partition: at its top, or in folders of systems. */
async function becomeBoard(
  line: string,
  folders: readonly string[] = [''],
  others: ReadonlyMap<string, string | Uint8Array> = new Map(),
): Promise<void> {
  const at = `${image}@@${LAYOUT.partitions[0]!.offset}`;
  const { loader, kernel, initramfs, commandLine } = PI_FILES;
  const boot = new Map<string, string | Uint8Array>([[loader, loader]]);
  for (const folder of folders)
    for (const name of [kernel, initramfs, commandLine]) boot.set(folder + name, `${line}\n`);
  for (const [name, content] of others) boot.set(name, content);
  if (folders.length > 1)
    await tools.run('usr/bin/mmd', [
      '-i',
      at,
      '::system',
      ...folders.map((name) => `::${name.slice(0, -1)}`),
    ]);
  for (const [name, content] of boot) {
    const file = await input(`board/${name}`, content);
    await tools.run('usr/bin/mcopy', ['-o', '-i', at, file, `::${name}`]);
  }
  await tools.run('usr/bin/mdel', ['-i', at, '::EFI/BOOT/BOOTX64.EFI']);
}

/** Writes an input and returns its path. */
async function input(name: string, content: string | Uint8Array): Promise<string> {
  const file = path.join(dir, 'input', name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

/** Runs the command and returns what it prints. */
async function kios({
  target = image,
  show = false,
  json = false,
  ...wanted
}: Partial<ConfigureOptions> & ConfigureRequest): Promise<string> {
  const printed: string[] = [];
  const { signal } = new AbortController();
  await using undo = new AsyncDisposableStack();
  await configure(
    { progress: silent, signal, undo, print: (line) => void printed.push(line) },
    { target, wanted, show, json },
  );
  return printed.join('\n');
}

/** Runs the command and returns its failure as its code and message. */
async function failure(options: Parameters<typeof kios>[0]): Promise<string> {
  const error = await kios(options).then(
    () => new Error('it did not fail'),
    (cause: unknown) => cause,
  );
  return error instanceof KiosError ? `${error.code}: ${error.message}` : String(error);
}

/** Reads the medium by programs of this test alone. */
const read = (name: string): Promise<string> =>
  tools.run('usr/bin/mtype', ['-i', `${image}@@${LAYOUT.partitions[0]!.offset}`, `::${name}`]);
const list = async (): Promise<string[]> => {
  const at = `${image}@@${LAYOUT.partitions[0]!.offset}`;
  const found = await tools.run('usr/bin/mdir', ['-b', '-/', '-i', at, '::kios']);
  return found.split('\n').filter((name) => name !== '' && !name.endsWith('/'));
};

const Listing = v.object({ files: v.array(v.object({ name: v.string() })) });

const LONG = { timeout: 120_000 };

describe('./kios configure', LONG, () => {
  it('gives a board’s kernel its words by the loader’s own file, and init all of them', async () => {
    const built = 'console=ttyS1,115200 mitigations=auto kios.added';
    await becomeBoard(built);
    await kios({ kernelArguments: ['mitigations=off', 'kios.console=all'] });
    expect(await read('cmdline.txt')).toBe(`${built} mitigations=off`);
    expect(await read('kios/cmdline.txt')).toBe('mitigations=off\nkios.console=all');
    expect(await kios({ show: true })).toMatch(
      /cmdline\.txt +\d+ +the kernel command line of the board, with mitigations=off/,
    );
    await expect(read('loader/addons/kios.addon.efi')).rejects.toThrow('kios.addon.efi');
    await kios({ kernelArguments: [''] });
    expect(await read('cmdline.txt')).toBe(built);
    expect(await list()).not.toContain('::/kios/cmdline.txt');
  });

  it('gives words for the kernel to each system of a board', async () => {
    const built = 'console=tty0 quiet mitigations=auto kios.added';
    const folders = ['system/0001/', 'system/0002/'];
    await becomeBoard(built, folders);
    await kios({ kernelArguments: ['mitigations=off'] });
    for (const folder of folders)
      expect(await read(`${folder}cmdline.txt`)).toBe(`${built} mitigations=off`);
    await kios({ kernelArguments: [''] });
    for (const folder of folders) expect(await read(`${folder}cmdline.txt`)).toBe(built);
  });

  it('puts document, name, pods and network settings on an image, and shows them without secrets', async () => {
    const folder = path.dirname(await input('pods/one.yml', pod('one')));
    await input('pods/two.yaml', pod('two'));
    const network = await input('dhcp.yaml', 'interfaces: {eth0: {metric: 50}}\n');
    const bootstrap = await input('node.yaml', DOCUMENT);
    const printed = await kios({ bootstrap, hostname: 'kitchen', network, manifests: folder });
    const document = await read('kios/bootstrap.yaml');
    expect(printed.split('\n').map((line) => line.split(/\s+/))).toEqual([
      ['kios/manifests/one.yaml', String(pod('one').length), 'written'],
      ['kios/manifests/two.yaml', String(pod('two').length), 'written'],
      ['kios/dhcp.yaml', '33', 'written'],
      ['kios/bootstrap.yaml', String(`${document}\n`.length), 'written'],
    ]);
    expect(document).toContain('# kept');
    expect(document).toContain('name: kitchen');
    expect(await read('kios/manifests/one.yaml')).toBe(pod('one').trimEnd());

    const shown = await kios({ show: true });
    expect(shown).toMatch(
      /bootstrap\.yaml +\d+ +NodeBootstrap, joins https:\/\/192\.0\.2\.10:6443, named kitchen/,
    );
    expect(shown).toContain('pod default/two');
    expect(shown).not.toContain(TOKEN);
    const { files } = v.parse(Listing, JSON.parse(await kios({ json: true })));
    expect(files.map(({ name }) => name)).toContain('kios/dhcp.yaml');
  });

  it('takes a network file for the node’s network, and says which of two counts', async () => {
    const text = 'network: {version: 2, ethernets: {eth0: {dhcp4: true}}, vlans: {v5: {id: 5, link: eth0}}}\n';
    const network = await input('network.yaml', text);
    expect(await kios({ network })).toMatch(/^kios\/network\.yaml +\d+ +written$/);
    expect(await read('kios/network.yaml')).toBe(text.trim());
    expect(await list()).not.toContain('::/kios/dhcp.yaml');
    const at = `${image}@@${LAYOUT.partitions[0]!.offset}`;
    const other = await input('network-config', 'network: {version: 2, wifis: {wlan0: {}}}\n');
    await tools.run('usr/bin/mcopy', ['-i', at, other, '::network-config']);
    const both = await kios({ show: true });
    expect(both).toMatch(/kios\/network\.yaml +\d+ +the network, netplan, 2 links/);
    expect(both).toMatch(/network-config +\d+ +NOT USED: kios\/network\.yaml comes first/);
    await tools.run('usr/bin/mdel', ['-i', at, '::kios/network.yaml']);
    expect(await kios({ show: true })).toMatch(/network-config +\d+ +BROKEN: network-config:1: network\.wifis/);
    await tools.run('usr/bin/mcopy', ['-o', '-i', at, await input('none', '# none\n'), '::network-config']);
    expect(await kios({ show: true })).toMatch(/network-config +\d+ +NoCloud, without content/);
  }); // prettier-ignore

  it('makes the pods of a folder those of the medium, and leaves the rest', async () => {
    const one = path.dirname(await input('one/one.yaml', pod('one')));
    const two = path.dirname(await input('two/two.yaml', pod('two')));
    await kios({ kubeadmJoin: JOIN, manifests: one });
    await kios({ manifests: two });
    expect(await list()).toEqual(
      expect.arrayContaining(['::/kios/manifests/two.yaml', '::/kios/bootstrap.yaml']),
    );
    expect(await list()).not.toContain('::/kios/manifests/one.yaml');
    expect(await read('kios/bootstrap.yaml')).toBe(JOIN);
  });

  it('changes the name of a document that is there, and nothing else of it', async () => {
    await kios({ kubeadmJoin: JOIN });
    await kios({ hostname: 'cellar' });
    expect(await read('kios/bootstrap.yaml')).toBe(joinAs('cellar'));
    expect(await list()).not.toContain('::/kios/bootstrap.yaml.new');
  });

  it('gives words to init, and to the kernel those that only it can use', async () => {
    const words = ['datapart=PARTLABEL=my data', 'mitigations=off'];
    await kios({ kernelArguments: words });
    expect(await read('kios/cmdline.txt')).toBe('"datapart=PARTLABEL=my data"\nmitigations=off');
    const addon = path.join(dir, 'addon');
    const at = `${image}@@${LAYOUT.partitions[0]!.offset}`;
    await tools.run('usr/bin/mcopy', ['-n', '-i', at, '::loader/addons/kios.addon.efi', addon]);
    const dumped = path.join(dir, 'section');
    await run('objcopy', ['-O', 'binary', '--only-section=.cmdline', addon, dumped]);
    expect((await readFile(dumped, 'latin1')).replace(/\0+$/, '')).toBe('mitigations=off');
    expect(await kios({ show: true })).toMatch(/kios\.addon\.efi +\d+ +words for the kernel/);

    await kios({ kernelArguments: ['sysctl.kernel.panic=0'] });
    expect(await read('kios/cmdline.txt')).toBe('sysctl.kernel.panic=0');
    const names = await tools.run('usr/bin/mdir', ['-b', '-/', '-i', at, '::']);
    expect(names).not.toContain('addon.efi');
    await kios({ kernelArguments: [''] });
    expect(await list()).not.toContain('::/kios/cmdline.txt');
  });

  it('names a node that joins no cluster', async () => {
    await kios({ hostname: 'attic' });
    expect(await kios({ show: true })).toContain('joins no cluster by itself, named attic');
  });

  it('names what a person put there and no node reads, and what is broken', async () => {
    const at = `${image}@@${LAYOUT.partitions[0]!.offset}`;
    const wrong = await input('wrong', 'kind: [\n');
    for (const name of ['kios/bootstrap.yaml.txt', 'kios/manifests/a.yaml', 'kios/bootstrap.yaml'])
      await tools.run('usr/bin/mcopy', ['-i', at, wrong, `::${name}`]);
    const shown = await kios({ show: true });
    expect(shown).toMatch(/bootstrap\.yaml\.txt +UNKNOWN/);
    expect(shown).toMatch(/manifests\/a\.yaml +\d+ +BROKEN: line 2/);
    expect(shown).toMatch(/bootstrap\.yaml +\d+ +BROKEN: .*line 2/);
  });
});

describe('archives of images', LONG, () => {
  it('become those of the medium, and are named', async () => {
    const name = 'registry.example/team/app:1';
    const layout = path.join(dir, 'layout');
    const of = { name, arch: 'amd64' };
    const { layer } = await writeUserImage(layout, import.meta.filename, of);
    const archives = await Promise.all(
      ['app.tar', 'other.tar'].map((file) => archive(layout, path.join(dir, file))),
    );
    expect(await kios({ images: archives })).toMatch(
      /^kios\/images\/app\.tar +\d+ +written\nkios\/images\/other\.tar +\d+ +written$/,
    );
    expect(await kios({ images: archives.slice(0, 1), show: true })).toMatch(
      /kios\/images\/app\.tar +\d+ +images: registry\.example\/team\/app:1/,
    );
    expect(await list()).not.toContain('::/kios/images/other.tar');
    await using partition = await Partition.open(image, tools);
    const bytes = await readFile(archives[0]!);
    expect(await partition.read('kios/images/app.tar')).toEqual(bytes);
    const room = await partition.roomIn('kios/images');
    expect(room).toBeGreaterThan((await partition.roomIn('kios')) - 1e6);
    // It is not read before it counts.
    const broken = Buffer.from(bytes);
    broken.fill(0, broken.indexOf(layer.content), broken.indexOf(layer.content) + 8);
    await partition.write('kios/images/app.tar', broken);
    expect(await kios({ show: true })).toContain(
      `BROKEN: preload the image kios/images/app.tar: ${layer.digest} is damaged`,
    );
    await kios({ images: [''] });
    expect((await list()).filter((file) => file.includes('images'))).toEqual([]);
    await partition.write('kios/cmdline.txt', Buffer.alloc(0));
    expect(await partition.roomIn('kios/images')).toBe(room);
  });

  it('that a node would refuse change nothing', async () => {
    const broken = await input('broken.tar', 'half');
    expect(await failure({ images: [broken], kernelArguments: ['kios.console=all'] })).toContain(
      'KIOS_PRELOAD_IMAGE',
    );
    expect(await list()).not.toContain('::/kios/cmdline.txt');
  });
});

/** Makes an image whose EFI file has these sections besides a kernel. */
async function imageOf(sections: Readonly<Record<string, string>>): Promise<string> {
  const efi = path.join(dir, 'with.efi');
  const named = Object.entries(sections).map(([name, text]) => ({
    name,
    content: Buffer.from(text),
  }));
  await writeFile(
    efi,
    makeUki(makeStub(), [...named, { name: '.linux', content: Buffer.alloc(3_000_000) }]),
  );
  const target = path.join(dir, 'with.img');
  await makeDisk({ out: target, boot: mediumWith(efi), time: 0, tools });
  return target;
}

/** Makes the initramfs of a system that takes these modules, or of one that is older than modules.erofs. */
async function initramfsWith(modules: string | undefined): Promise<Buffer> {
  const tree = new Tree().text('/lib/kios/other', 'other\n', origin);
  if (modules !== undefined) tree.text('/lib/kios/modules.sha256', `${sha256(modules)}\n`, origin);
  const root = await makeErofs({ tree, time: 0, tools, progress: silent, name: 'root.erofs' });
  return makeInitramfs(new Tree().text('/init', 'first stage', origin), rootFile(root));
}

/** Makes an image whose EFI file was built with these modules, or with none. */
const imageWith = (modules: string | undefined): Promise<string> =>
  imageOf(modules === undefined ? {} : { '.modules': sha256(modules) });

const refusal = (target: string, why: string): string =>
  `KIOS_MEDIUM_ENCRYPT: have ${target} encrypt its data: ${why}`;

describe('encryption', LONG, () => {
  it('is asked of a system that brings its signature, and of no words for the kernel', async () => {
    const target = await imageOf({ '.pcrsig': '{}' });
    await kios({ target, encrypt: true });
    expect(await kios({ target, show: true })).toMatch(/kios\/encrypt +\d+ +an encrypted data/);
    expect(await failure({ target, kernelArguments: ['mitigations=off'] })).toBe(
      refusal(target, 'a TPM opens no partition where words for the kernel are added'),
    );
    await kios({ target, kernelArguments: ['kios.console=all'] });
  });

  it('is refused where words for the kernel are, or come with it', async () => {
    const target = await imageOf({ '.pcrsig': '{}' });
    const why = refusal(target, 'a TPM opens no partition where words for the kernel are added');
    const kernelArguments = ['mitigations=off'];
    expect(await failure({ target, encrypt: true, kernelArguments })).toBe(why);
    await kios({ target, kernelArguments });
    expect(await failure({ target, encrypt: true })).toBe(why);
    await kios({ target, encrypt: true, kernelArguments: [''] });
  });

  it('is refused of a system without a signature, and of a board', async () => {
    const target = await imageOf({});
    expect(await failure({ target, encrypt: true })).toBe(
      refusal(target, 'its system was built without --pcr-key'),
    );
    await becomeBoard('console=tty0');
    expect(await failure({ encrypt: true })).toBe(refusal(image, 'its machine has no TPM'));
    expect(await list()).not.toContain('::/kios/encrypt');
  });
});

describe('modules.erofs', LONG, () => {
  it('of an update lies beside its system, and the one in the folder kios is not its own', async () => {
    const target = await imageWith('all modules');
    const modules = await input('modules.erofs', 'all modules');
    await kios({ target, modules });
    await using partition = await Partition.open(target, tools);
    const system = await partition.read('EFI/kios/0001.efi');
    await partition.write('EFI/kios/0002.efi', system);
    await partition.write('EFI/kios/0002.mod', Buffer.from('others'));
    await partition.write('loader/entries/kios-0002.conf', Buffer.from(entryText(2, '2')));
    expect(await kios({ target, show: true })).toMatch(
      /kios\/modules\.erofs +11 +all modules of the system that was flashed/,
    );
    expect(await failure({ target, modules })).toBe(
      `KIOS_MEDIUM_FILE: use ${modules} on this medium: its system has EFI/kios/0002.mod`,
    );
  });

  it('of a board is that of the system which starts next', async () => {
    await becomeBoard(
      'console=tty0',
      ['system/0001/', 'system/0002/'],
      new Map<string, string | Uint8Array>([
        ['config.txt', 'os_prefix=system/0002/\n#kios good=0002 trial=0000\n'],
        ['system/0001/initramfs8', await initramfsWith(undefined)],
        ['system/0002/initramfs8', await initramfsWith('all modules')],
      ]),
    );
    const other = await input('other.erofs', 'other modules');
    expect(await failure({ modules: other })).toBe(
      `KIOS_MEDIUM_FILE: use ${other} on this medium: its system is of another build`,
    );
    await kios({ modules: await input('modules.erofs', 'all modules') });
    expect(await read('kios/modules.erofs')).toBe('all modules');
    expect(await kios({ show: true })).toMatch(
      /kios\/modules\.erofs +11 +all modules of its kernel/,
    );
  });

  it('of a board whose system is older is refused', async () => {
    const initramfs = await initramfsWith(undefined);
    await becomeBoard('console=tty0', [''], new Map([['initramfs8', initramfs]]));
    const modules = await input('modules.erofs', 'all modules');
    expect(await failure({ modules })).toBe(
      `KIOS_MEDIUM_FILE: use ${modules} on this medium: its system is older than modules.erofs`,
    );
  });

  it('of the same build is written and named, also once the EFI file is another one', async () => {
    const target = await imageWith('all modules');
    const modules = await input('modules.erofs', 'all modules');
    expect(await kios({ target, modules })).toMatch(/^kios\/modules\.erofs +11 +written$/);
    expect(await kios({ target, show: true })).toMatch(
      /kios\/modules\.erofs +11 +all modules of its kernel/,
    );
    await using partition = await Partition.open(target, tools);
    expect(String(await partition.read('kios/modules.erofs'))).toBe('all modules');
    await partition.write('kios/modules.erofs', Buffer.from('half of al'));
    expect(await kios({ target, show: true })).toMatch(
      /modules\.erofs +10 +BROKEN: its system is of another build/,
    );
  });

  it.each([
    ['of another build', 'other modules', 'its system is of another build'],
    ['for an older EFI file', undefined, 'its system is older than modules.erofs'],
  ])('%s is refused', async (_name, built, why) => {
    const target = await imageWith(built);
    const modules = await input('modules.erofs', 'all modules');
    expect(await failure({ target, modules })).toBe(
      `KIOS_MEDIUM_FILE: use ${modules} on this medium: ${why}`,
    );
    await using partition = await Partition.open(target, tools);
    expect(await partition.list()).not.toContain('kios/modules.erofs');
  });
});

const changedAt = async (): Promise<bigint> => (await stat(image, { bigint: true })).mtimeNs;

it('settings of the kernel take the place of those that are there', LONG, async () => {
  await kios({ sysctls: ['vm.nr_hugepages=8', 'net.ipv4.tcp_rmem=4096 131072 6291456'] });
  expect(await read('kios/sysctl.conf')).toBe(
    'vm.nr_hugepages = 8\nnet.ipv4.tcp_rmem = 4096 131072 6291456',
  );
  await kios({ sysctls: ['vm.swappiness = 1'] });
  expect(await read('kios/sysctl.conf')).toBe('vm.swappiness = 1');
  expect(await failure({ sysctls: ['kernel.modprobe=/x', 'vm.swappiness'] })).toBe(
    'KIOS_MEDIUM_SYSCTL: use --sysctl kernel.modprobe=/x: kernel.modprobe belongs to the host: ' +
      'only the word sysctl.kernel.modprobe= of the kernel command line may change it; ' +
      '--sysctl vm.swappiness: is not name = value',
  );
  expect(await read('kios/sysctl.conf')).toBe('vm.swappiness = 1');
  await kios({ sysctls: [''] });
  expect(await list()).not.toContain('::/kios/sysctl.conf');
});

it('an unknown word is refused with its code', LONG, async () => {
  expect(await failure({ kernelArguments: ['rdinit=/bin/sh'] })).toMatch(
    /^KIOS_MEDIUM_ARGUMENT: use the kernel argument rdinit=/,
  );
});

describe('bad input leaves the image as it was:', LONG, () => {
  it.each([
    ['a document with a typing error', { bootstrap: DOCUMENT.replace('endpoint', 'endpiont') }, 'KIOS_BOOTSTRAP_CHECK', 'cluster.endpiont: not a known field'],
    ['a document for another program', { bootstrap: '#cloud-config\n' }, 'KIOS_BOOTSTRAP_CHECK', 'it is cloud-config'],
    ['an empty document', { bootstrap: '# nothing yet\n' }, 'KIOS_BOOTSTRAP_CHECK', 'it is empty'],
    ['a packed document', { bootstrap: Buffer.from(DOCUMENT).toString('base64') }, 'KIOS_BOOTSTRAP_CHECK', 'base64'],
    ['a name that no node can have', { hostname: '-x-' }, 'KIOS_BOOTSTRAP_CHECK', 'node.name'],
    ['network settings with an unknown key', { network: 'interfaces: {eth0: {metrc: 5}}' }, 'KIOS_MEDIUM_NETWORK', 'metrc: is not a known key. Did you mean metric'],
    ['a network file with an unknown key', { network: 'network: {version: 2, ethernets: {eth0: {dhpc4: true}}}' }, 'KIOS_NETWORK_FILE', 'it has a fault'],
    ['a network file that is no YAML', { network: 'network: [' }, 'KIOS_NETWORK_FILE', 'it has'],
    ['a pod with a typing error', { manifests: pod('x').replace('image:', 'imgae:') }, 'KIOS_MANIFESTS', 'imgae'],
  ] as const)('%s', async (_name, texts: Partial<Record<'bootstrap' | 'hostname' | 'network' | 'manifests', string>>, code, message) => {
    const options: Record<string, string> = {};
    for (const [flag, text] of Object.entries(texts)) {
      const file = flag === 'hostname' ? text : await input(`bad-${flag}/a.yaml`, text);
      options[flag] = flag === 'manifests' ? path.dirname(file) : file;
    }
    const before = await changedAt();
    const failed = await failure(options);
    expect(failed).toMatch(new RegExp(`^${code}: .*${message}`, 's'));
    expect(failed).not.toContain(TOKEN);
    expect(await changedAt()).toBe(before);
    const left = await readdir(scratch);
    expect(left.filter((name) => name.startsWith('kios-'))).toEqual([]);
  }); // prettier-ignore

  it.each([
    ['that is no image', async (file: string) => writeFile(file, 'text'), 'partition table'],
    [
      'without kiOS',
      async (file: string) => {
        await run('cp', ['--sparse=always', image, file]);
        await using disk = await open(file, 'r+');
        await disk.write(Buffer.alloc(1024), 0, 1024, 512);
      },
      'partition table',
    ],
  ])('a file %s', async (_name, make, why) => {
    const file = path.join(dir, 'other.img');
    await make(file);
    expect(await failure({ target: file, hostname: 'x' })).toMatch(
      new RegExp(`^KIOS_MEDIUM_FOREIGN: .*${why}`),
    );
    await rm(file);
  });

  it('no change', async () => {
    await expect(kios({})).rejects.toMatchObject({ code: 'KIOS_CLI_USAGE' });
  });
});

describe('a medium that is read back', LONG, () => {
  it('has no fault of its file system, with long names, files of a whole cluster and many files', async () => {
    await using partition = await Partition.open(image, tools);
    const names = Array.from(
      { length: 60 },
      (_, at) => `kios/manifests/a rather long name, number ${at}.yaml`,
    );
    for (const [at, name] of names.entries())
      await partition.write(name, Buffer.alloc(at % 2 === 0 ? 4096 : 0, at));
    const back = await partition.readBack();
    expect(await back.read(names[2]!)).toEqual(Buffer.alloc(4096, 2));
    expect(await back.read(names[3]!)).toEqual(Buffer.alloc(0));
  });

  it('is refused when its tables disagree', async () => {
    await kios({ hostname: 'x' });
    await using partition = await Partition.open(image, tools);
    const { offset } = LAYOUT.partitions[0]!;
    await using disk = await open(image, 'r+');
    // The first table says that a cluster of the EFI file is free.
    await disk.write(Buffer.alloc(4), 0, 4, offset + 32 * 512 + 40 * 4);
    await expect(partition.readBack()).rejects.toMatchObject({ code: 'KIOS_MEDIUM_CHECK' });
  });
});

it('the example on every medium is a document that a node takes', LONG, async () => {
  const example = await readFile(path.join(repository, 'os/esp/kios/bootstrap.yaml.example'));
  const { kind, complete, warnings } = await checkDocument(silent, 'the example', example);
  expect({ kind, complete, warnings }).toEqual({
    kind: 'NodeBootstrap',
    complete: true,
    warnings: [],
  });
});

/** Attaches the image as a disk until the end of the test. */
async function attach(undo: AsyncDisposableStack): Promise<string> {
  const device = (await run('losetup', ['--find', '--show', image])).trim();
  undo.defer(async () => void (await run('losetup', ['--detach', device])));
  return device;
}

describe('a device', LONG, () => {
  beforeEach(requireRoot);

  it('is configured like an image, and read back past the cache', async () => {
    await using undo = new AsyncDisposableStack();
    const device = await attach(undo);
    await kios({ target: device, kubeadmJoin: JOIN, hostname: 'shed' });
    expect(await kios({ target: device, show: true })).toContain('named shed');
    expect(await read('kios/bootstrap.yaml')).toBe(joinAs('shed'));
  });

  it('that is in use is refused', async () => {
    await using undo = new AsyncDisposableStack();
    const device = await attach(undo);
    const at = path.join(dir, 'mounted');
    await mkdir(at, { recursive: true });
    const { offset, bytes } = LAYOUT.partitions[1]!;
    const part = ['--find', '--show', `--offset=${offset}`, `--sizelimit=${bytes}`, device];
    const partition = (await run('losetup', part)).trim();
    undo.defer(async () => void (await run('losetup', ['--detach', partition])));
    await run('mount', [partition, at]);
    undo.defer(async () => void (await run('umount', [at])));
    expect(await failure({ target: partition, hostname: 'x' })).toBe(
      `KIOS_MEDIUM_MOUNTED: write to ${partition}: ${partition} is mounted`,
    );
  });
});
