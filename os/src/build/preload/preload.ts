import { existsSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { CommandError, run } from '../../workstation/run.ts';
import { buildUpstream } from '../sources/upstream/build.ts';
import type { PreloadedImage } from '../store/store.ts';
import { Layout, type LayoutDescriptor } from './layout.ts';
import { type ImageName, namesIn, parseImageName } from './name.ts';
import { fetchImage } from './registry.ts';

export interface PreloadRequest {
  /** References to images of registries, and paths of OCI archives and layouts. */
  readonly images: readonly string[];
  readonly arch: Arch;
  /** Folder for what archives hold. */
  readonly scratch: string;
  readonly progress: Progress;
}

/** Annotations in which programs that save images write the name: BuildKit and Docker the first, podman the second. */
const NAMES = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'] as const;

/** Says whether an image is named by a path. */
export const isPath = (image: string): boolean =>
  /^\.{0,2}\/|\.tar(?:\.\w+)?$/.test(image) || existsSync(image);

function nameOf({ annotations = {} }: LayoutDescriptor, layout: Layout): ImageName {
  // A name without a slash is a tag alone, which says nothing about the image.
  const name = NAMES.map((key) => annotations[key] ?? '').find((text) => text.includes('/'));
  if (name === undefined) throw layout.fault(`an image in it has no name (${NAMES[0]})`);
  return parseImageName(name);
}

async function take(
  layout: Layout,
  name: ImageName,
  { digest, mediaType, size }: LayoutDescriptor,
  arch: Arch,
): Promise<PreloadedImage> {
  const blobs = await layout.find({ digest, mediaType, size }, arch);
  return {
    names: namesIn(name, digest),
    target: { digest, mediaType, size },
    blobs,
    origin: { name: name.repository, version: digest, kind: 'oci' },
  };
}

/** Returns the folder of a layout, which an archive is unpacked for. */
async function openPath(file: string, scratch: string): Promise<Layout> {
  const status = await stat(file).catch(() => undefined);
  if (status === undefined) throw new Layout(file, file).fault('there is no such file');
  if (status.isDirectory()) return new Layout(file, file);
  await mkdir(scratch, { recursive: true });
  try {
    await run('tar', ['--extract', '--no-same-owner', '--file', file, '--directory', scratch]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new Layout(file, file).fault('it is no tar archive, or it is cut short');
  }
  return new Layout(scratch, file);
}

async function takeAll(
  image: string,
  scratch: string,
  { arch, progress }: PreloadRequest,
): Promise<PreloadedImage[]> {
  if (isPath(image)) {
    const layout = await openPath(image, scratch);
    const all = await layout.list();
    if (all.length === 0) throw layout.fault('it holds no image');
    return Promise.all(all.map((top) => take(layout, nameOf(top, layout), top, arch)));
  }
  const name = parseImageName(image);
  const programs = await buildUpstream(['oras'], workstationArch(), progress);
  const { folder, top } = await fetchImage(programs.get('oras')!.path, name, arch);
  return [await take(new Layout(folder, image), name, top, arch)];
}

/** Fetches or opens a user's images, checks each blob, and describes what goes into the node's store. */
export async function preload(request: PreloadRequest): Promise<PreloadedImage[]> {
  const { images, scratch, progress } = request;
  await rm(scratch, { recursive: true, force: true });
  const all: PreloadedImage[] = [];
  for (const [n, image] of images.entries()) {
    const folder = path.join(scratch, String(n));
    all.push(...(await progress.task(`image ${image}`, () => takeAll(image, folder, request))));
  }
  return all;
}
