import path from 'node:path';

import { imageName } from '../build/shipped.ts';
import { buildUpstream } from '../build/sources/upstream/build.ts';
import { workstationArch } from '../workstation/arch.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { makePrivateDir } from '../workstation/files.ts';
import { lockOutput } from '../workstation/folder-lock.ts';
import { ensurePackages } from '../workstation/packages.ts';
import { type Arch, distDir, repository as checkout } from '../workstation/paths.ts';
import type { Progress } from '../workstation/progress.ts';
import { OS } from './content/annotations.ts';
import { type Built, type BuiltImage, type DistOf, readBuilds } from './content/built.ts';
import { makeSystemImage } from './content/os-image.ts';
import { makePublications, type Publication } from './content/publication.ts';
import { makeToolboxImage } from './content/toolbox-image.ts';
import { checkPinFolder, type Pins, writePinned } from './pin.ts';
import { keepArches } from './replaced.ts';
import { sendAll } from './send.ts';
import { SigningKey } from './signing/key.ts';
import { isLoopback, parseTag, parseTarget, repositoryOf, type Target } from './target.ts';
import { Layout } from './transport/layout.ts';
import { Oras } from './transport/oras.ts';
import { Repository } from './transport/repository.ts';
import { Traffic } from './transport/traffic.ts';

export interface PublishOptions {
  /** `REGISTRY[/PREFIX]` */
  readonly to: string;
  readonly tag: string;
  /** Architectures; none for all that are built. */
  readonly arches: readonly Arch[];
  /** Folder for manifests with published images. */
  readonly pin: string | undefined;
  /** File of the private key that signs. */
  readonly signKey: string | undefined;
  /** File with the certificates of the registry's authority. */
  readonly ca: string | undefined;
  /** Whether the toolbox is sent too. */
  readonly toolbox?: boolean;
  /** Default: `dist/<arch>/`. */
  readonly distOf?: DistOf;
  /** Folder for what is being sent, on the same file system as the builds. Default: `dist/publish/`. */
  readonly scratch?: string;
}

/** An image as it was published. */
export interface PublishedImage {
  readonly name: string;
  /** Registry, repository, tag and digest. */
  readonly reference: string;
  readonly digest: string;
  readonly arches: readonly string[];
}

export interface PublishResult {
  readonly images: readonly PublishedImage[];
  /** Bytes of blobs and manifests that the registry did not have. */
  readonly sentBytes: number;
  readonly sentBlobs: number;
  /** Files of `--pin`. */
  readonly pinned: readonly string[];
}

/** Copies what is to be sent into the layout while no build can change it. */
async function collect(
  context: CommandContext,
  layout: Layout,
  { arches, distOf = distDir, toolbox = false }: PublishOptions,
): Promise<Publication[]> {
  const { progress } = context;
  using held = new DisposableStack();
  for (const { dist } of await readBuilds(arches, distOf))
    held.use(await lockOutput(dist, progress));
  const builds = await readBuilds(arches, distOf);
  if (builds.some(({ record }) => record.changed))
    progress.info('The build had changes that were not committed; the provenance says so.');
  const extras = toolbox ? [await makeToolboxImage(builds, layout, progress)] : [];
  return await progress.task('collect images', async (note) => {
    const systems = new Map<Built, BuiltImage>();
    for (const built of builds) {
      for (const image of built.images)
        for (const blob of [image.manifest, ...image.blobs]) await layout.take(blob, built.layout);
      note(`operating system for ${built.arch}`);
      const { image, blobs } = await makeSystemImage(built, layout.dir);
      await layout.add(...blobs);
      for (const blob of image.blobs) layout.has(blob);
      systems.set(built, image);
    }
    return makePublications(builds, systems, extras);
  });
}

interface Connection {
  readonly layout: Layout;
  readonly traffic: Traffic;
  readonly target: Target;
}

async function connect(
  { progress, signal }: CommandContext,
  { ca }: PublishOptions,
  { layout, traffic, target }: Connection,
): Promise<(name: string) => Repository> {
  await ensurePackages(['build'], progress);
  const built = await buildUpstream(['oras'], workstationArch(), progress);
  const oras = new Oras({
    file: built.get('oras')!.path,
    target,
    cwd: path.dirname(layout.dir),
    ca: ca === undefined ? undefined : path.resolve(ca),
    signal,
    onBytes: (bytes) => traffic.onBytes(bytes),
    onSent: (digest) => traffic.onSent(layout.sizeOf(digest)),
  });
  return (name) => new Repository(name, repositoryOf(target, name), oras, layout);
}

const imagesOf = (
  publications: readonly Publication[],
  target: Target,
  tag: string,
): PublishedImage[] =>
  publications.map(({ name, index, images }) => ({
    name,
    reference: `${repositoryOf(target, name)}:${tag}@${index.digest}`,
    digest: index.digest,
    arches: [...images.keys()],
  }));

const pinsOf = (images: readonly PublishedImage[]): Pins =>
  new Map(images.map(({ name, reference }) => [imageName(name), reference]));

/** Checks the folder for pinned manifests, and warns when no node can pull what they will name. */
function checkPin(folder: string, target: Target, progress: Progress): void {
  checkPinFolder(folder);
  if (!isLoopback(target)) return;
  progress.info(
    `warning: no node can pull from ${target.registry}, a name that every machine has for itself: put another name of the registry into the manifests in ${folder}`,
  );
}

/** Publishes finished builds: all images of the node, and the operating system as one more. */
export async function publish(
  context: CommandContext,
  options: PublishOptions,
): Promise<PublishResult> {
  const { progress, undo } = context;
  const target = parseTarget(options.to);
  const tag = parseTag(options.tag);
  const { pin, signKey, scratch = path.join(checkout, 'dist/publish') } = options;
  if (pin !== undefined) checkPin(pin, target, progress);
  const key = signKey === undefined ? undefined : await SigningKey.read(signKey);
  await readBuilds(options.arches, options.distOf ?? distDir);
  await makePrivateDir(scratch);
  undo.use(await lockOutput(scratch, progress));
  const layout = await Layout.create(path.join(scratch, 'layout'));
  undo.defer(() => layout.remove());
  const traffic = new Traffic();
  const repositoryFor = await connect(context, options, { layout, traffic, target });
  const publications = await collect(context, layout, options);
  const images = imagesOf(publications, target, tag);
  const repositories = new Map(images.map(({ name }) => [name, repositoryFor(name)]));
  await keepArches(repositoryFor(OS), tag, images[0]?.arches ?? []);
  const onNote = (note: ((detail: string) => void) | undefined): void => traffic.show(note);
  await sendAll({ publications, repositories, layout, key, progress, onNote }, tag);
  const pinned = pin === undefined ? [] : await writePinned(pin, pinsOf(images));
  if (pin !== undefined) progress.info(`${pinned.length} manifests in ${pin}`);
  return { images, pinned, sentBytes: traffic.sentBytes, sentBlobs: traffic.sentBlobs };
}
