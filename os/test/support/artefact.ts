import {
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';

import { makeFat } from '../../src/artefact/export/fat.ts';
import { encodeGpt, namedGuid, placePartitions, TYPE } from '../../src/build/formats/gpt.ts';
import { makeImage, referenceOf } from '../../src/build/formats/oci.ts';
import { type Origin, Tree } from '../../src/build/formats/tree.ts';
import { makeUki } from '../../src/build/formats/uki.ts';
import { PI_FILES } from '../../src/build/image/boot-file.ts';
import { makeDisk } from '../../src/build/image/disk.ts';
import { makeErofs } from '../../src/build/image/erofs.ts';
import { makeInitramfs } from '../../src/build/image/initramfs.ts';
import { writeLayer } from '../../src/build/image/oci-layout.ts';
import { rootFile } from '../../src/build/image/root.ts';
import { stampManifest } from '../../src/build/manifests/stamp.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { makeStore, STORE } from '../../src/build/store/store.ts';
import { silent } from '../../src/workstation/progress.ts';
import { mediumWith } from './efi-medium.ts';
import { makeStub } from './stub.ts';

const TIME = 1_790_000_000;
const origin: Origin = { name: 'test', version: '1', kind: 'kios' };

const manifest = (capability: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: one, namespace: kube-system }
spec:
  hostNetwork: true
  initContainers:
    - name: first
      image: kios.invalid/one:1
      securityContext: { runAsUser: 7 }
  containers:
    - name: run
      image: kios.invalid/one:1
      securityContext:
        privileged: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL], add: [${capability}] }
      resources: { limits: { memory: 32Mi } }
      volumeMounts:
        - { name: host, mountPath: /run/host, readOnly: true }
        - { name: scratch, mountPath: /tmp }
  volumes:
    - { name: host, hostPath: { path: /run/kios } }
    - { name: scratch, emptyDir: {} }
`;

/** What differs between two artefacts of a test. */
export interface Variant {
  readonly commandLine?: string;
  readonly capability?: string;
  /** Text of a file that only this root has. */
  readonly extra?: string;
}

/** Writes the files of a tree into a folder. */
async function writeTree(tree: Tree, into: string): Promise<void> {
  for (const [where, entry] of tree.sorted()) {
    const at = path.join(into, where);
    if (entry.type === 'directory') await mkdir(at, { recursive: true });
    if (entry.type !== 'file') continue;
    if ('bytes' in entry.content) await writeFile(at, entry.content.bytes);
    else await copyFile(entry.content.file, at);
  }
}

/** Makes a disk like that of a build, of 66 MiB and without a file system on its data partition. */
export async function makeSmallDisk(folder: string, efi: string): Promise<string> {
  const boot = path.join(folder, 'boot');
  await mkdir(path.join(boot, 'kios'), { recursive: true });
  await writeTree(mediumWith(efi), boot);
  await writeFile(path.join(boot, 'kios/A longer name.txt'), 'for people');
  for (const { name, parentPath } of await readdir(boot, { recursive: true, withFileTypes: true }))
    await utimes(path.join(parentPath, name), TIME, TIME);
  const esp = path.join(folder, 'esp.img');
  await makeFat(esp, boot, { serial: '12345678', time: TIME }, await openToolroot(silent));
  const layout = placePartitions(namedGuid('small'), [
    { type: TYPE.esp, guid: namedGuid('esp'), label: 'esp', bytes: (await stat(esp)).size },
    { type: TYPE.data, guid: namedGuid('data'), label: 'data', bytes: 16 * 1024 * 1024 },
  ]);
  const disk = path.join(folder, 'small.img');
  const { start, end } = encodeGpt(layout);
  await using file = await open(disk, 'w');
  await file.truncate(layout.bytes);
  await file.write(start, 0, start.length, 0);
  await file.write(await readFile(esp), 0, undefined, layout.partitions[0]!.offset);
  await file.write(Buffer.alloc(70_000, 'data'), 0, undefined, layout.partitions[1]!.offset);
  await file.write(end, 0, end.length, layout.bytes - end.length);
  return disk;
}

export interface SmallArtefacts {
  readonly efi: string;
  readonly image: string;
  /** The kernel command line and the initramfs, for `makeBoardDisk`. */
  readonly commandLine: string;
  readonly initramfs: Buffer;
  readonly root: string;
  /** The digest by which the root knows its image `kios.invalid/one:1`. */
  readonly digest: string;
}

const plainFile = (bytes: Buffer) => [0o644, { bytes }, origin] as const;

const BOARD_CONFIG = 'os_prefix=system/0001/\n#kios good=0001 trial=0000\narm_64bit=1\n';

/** Returns what a board starts from, with an initramfs that is whole. */
function smallBoard(commandLine: string, initramfs: Buffer): Tree {
  const { loader, config, commandLine: line, kernel, initramfs: initrd } = PI_FILES;
  return new Tree()
    .file(`/${loader}`, ...plainFile(Buffer.alloc(3000, 'loader ')))
    .file(`/${config}`, ...plainFile(Buffer.from(BOARD_CONFIG)))
    .file(`/system/0001/${line}`, ...plainFile(Buffer.from(`${commandLine}\n`)))
    .file(`/system/0001/${kernel}`, ...plainFile(Buffer.alloc(9000, 'kernel ')))
    .file(`/system/0001/${initrd}`, ...plainFile(initramfs));
}

/** Makes the disk image of a board from what an EFI file was made of. */
export async function makeBoardDisk(
  folder: string,
  { commandLine, initramfs }: Pick<SmallArtefacts, 'commandLine' | 'initramfs'>,
): Promise<string> {
  const out = path.join(folder, 'board.img');
  const boot = smallBoard(commandLine, initramfs);
  await makeDisk({ out, boot, time: TIME, tools: await openToolroot(silent) });
  return out;
}

/** Makes a root of one pod and one image of two layers, and the EFI file and disk with it, by the build's own code. */
export async function makeSmallArtefacts(
  folder: string,
  { commandLine = 'quiet console=ttyS0', capability = 'NET_RAW', extra }: Variant = {},
): Promise<SmallArtefacts> {
  const layer = (tree: Tree) => writeLayer(path.join(folder, 'images'), tree, TIME);
  const layers = [
    await layer(new Tree().text('/lib/shared', 'shared by many', origin)),
    await layer(
      new Tree().file('/bin/one', 0o755, { bytes: Buffer.alloc(50_000, 'agent ') }, origin),
    ),
  ];
  const images = ['one', 'two'].map((name, index) =>
    makeImage(
      {
        name: `kios.invalid/${name}:1`,
        layers: layers.slice(0, 2 - index),
        entrypoint: ['/bin/one'],
        env: [],
      },
      'amd64',
      TIME,
    ),
  );
  const references = new Map(images.map((image) => [image.name, referenceOf(image)]));
  const release = {
    version: '1.2.3',
    buildTime: '2026-09-21T00:00:00.000Z',
    kernel: '6.12.0',
    arch: 'amd64',
  };
  const tree = new Tree()
    .text('/etc/kios/release.json', JSON.stringify(release), origin)
    .text(
      '/etc/kubernetes/manifests/one.yaml',
      stampManifest('one.yaml', manifest(capability), references),
      origin,
    )
    .symlink('/etc/outside', '/etc/passwd')
    .symlink('/etc/folder', '../bin')
    .file('/bin/tool', 0o755, { bytes: Buffer.alloc(200_000, 'no Go program ') }, origin)
    .graft(STORE, makeStore(images, TIME, origin));
  if (extra !== undefined) tree.text('/etc/extra', extra, origin);
  const tools = await openToolroot(silent);
  const root = await makeErofs({ tree, time: TIME, tools, progress: silent, name: 'root.erofs' });
  const early = new Tree().file('/init', 0o755, { bytes: Buffer.from('first stage') }, origin);
  const efi = path.join(folder, 'kios.efi');
  const sections = [
    { name: '.cmdline', content: Buffer.from(commandLine) },
    { name: '.uname', content: Buffer.from('6.12.0') },
    { name: '.initrd', content: await makeInitramfs(early, rootFile(root)) },
    { name: '.linux', content: Buffer.alloc(9000, 'kernel ') },
  ];
  await writeFile(efi, makeUki(makeStub(), sections));
  const image = path.join(folder, 'kios.img');
  await makeDisk({ out: image, boot: mediumWith(efi), time: TIME, tools });
  return {
    efi,
    image,
    root,
    commandLine,
    initramfs: sections[2]!.content,
    digest: images[0]!.manifest.digest,
  };
}
