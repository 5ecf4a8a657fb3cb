import path from 'node:path';

import { PI_FILES } from '../../build/image/boot-file.ts';
import { BLOBS, STORE } from '../../build/store/store.ts';
import type {
  InspectedBoard,
  InspectedDisk,
  InspectedEfi,
  InspectedRoot,
  Inspection,
  RootFile,
  Share,
} from './model.ts';
import { layerOf } from './store.ts';

/** Returns the last part of an image's name, without its tag. */
const shortName = (image: string): string => (image.split('/').at(-1) ?? image).split(':')[0] ?? '';

/** Names each layer by the images that have it. */
function layerNames({ images }: InspectedRoot): Map<number, string> {
  const users = new Map<number, string[]>();
  for (const { name, layers } of images)
    for (const { snapshot } of layers)
      if (snapshot !== undefined)
        users.set(snapshot, [...(users.get(snapshot) ?? []), shortName(name)]);
  // A user's image is packed.
  const unpacked = images.filter(({ layers }) => layers.some((layer) => layer.snapshot));
  return new Map(
    [...users].map(([snapshot, names]) => {
      const of = names.length === unpacked.length ? 'all images' : names.toSorted().join(', ');
      return [snapshot, `layer of ${of}`] as const;
    }),
  );
}

function ownerOf(file: string, layers: ReadonlyMap<number, string>): string {
  const layer = layerOf(file);
  if (layer !== undefined) return layers.get(layer) ?? 'layers that no image has';
  if (file.startsWith('/bin/')) return file;
  if (file.startsWith(`${STORE}/${BLOBS}/`)) return 'manifests and packed layers of images';
  if (file.startsWith('/lib/modules/')) return 'kernel modules';
  return 'configuration and other files';
}

function sharesOfRoot(root: InspectedRoot): Share[] {
  const layers = layerNames(root);
  const owners = new Map<string, RootFile[]>();
  for (const file of root.files) {
    const owner = ownerOf(file.name, layers);
    owners.set(owner, [...(owners.get(owner) ?? []), file]);
  }
  const shares = [...owners].map(([what, files]): Share => {
    const sum = (size: (file: RootFile) => number): number =>
      files.reduce((total, file) => total + size(file), 0);
    return { what, bytes: sum((file) => file.stored), unpacked: sum((file) => file.bytes) };
  });
  const rest = root.bytes - shares.reduce((total, { bytes }) => total + bytes, 0);
  return [...shares, { what: 'inodes, folders and small files of the root', bytes: rest }];
}

const firstStage = (bytes: number, { early }: Pick<InspectedEfi, 'early'>): Share => ({
  what: 'first stage: init and early modules',
  bytes,
  unpacked: early.reduce((total, part) => total + part.bytes, 0),
});

function sharesOfEfi(efi: InspectedEfi, root: InspectedRoot): Share[] {
  const sizeOf = (section: string): number =>
    efi.sections.find(({ name }) => name === section)?.bytes ?? 0;
  const [kernel, initrd] = [sizeOf('.linux'), sizeOf('.initrd')];
  return [
    { what: 'kernel', bytes: kernel },
    firstStage(initrd - root.bytes, efi),
    { what: 'EFI stub and command line', bytes: efi.bytes - kernel - initrd },
  ];
}

/** Names the initramfs of a board on its boot partition, which lies beside the kernel. */
const initramfsOf = ({ starts }: InspectedDisk): string =>
  path.posix.join(path.posix.dirname(starts), PI_FILES.initramfs);

/** Splits the initramfs of a board, which is a file of its boot partition. */
function sharesOfBoard(
  board: InspectedBoard,
  root: InspectedRoot,
  disk: InspectedDisk | undefined,
): Share[] {
  const file = disk?.files.find(({ name }) => name === initramfsOf(disk));
  return [firstStage((file?.bytes ?? root.bytes) - root.bytes, board)];
}

/** Returns what fills an artefact, the largest share first. */
export function sharesOf(
  root: InspectedRoot,
  { efi, board }: Pick<Inspection, 'efi' | 'board'>,
  disk: InspectedDisk | undefined,
): Share[] {
  const initramfs = board === undefined || disk === undefined ? undefined : initramfsOf(disk);
  const others = (disk?.files ?? []).filter(
    ({ name, sha256 }) => sha256 !== efi?.sha256 && name !== initramfs,
  );
  const shares = [
    ...sharesOfRoot(root),
    ...(efi === undefined ? [] : sharesOfEfi(efi, root)),
    ...(board === undefined ? [] : sharesOfBoard(board, root, disk)),
    ...others.map(({ name, bytes }) => ({ what: `${name} on the boot partition`, bytes })),
  ];
  return shares.toSorted((a, b) => b.bytes - a.bytes);
}
