import type { Progress } from '../workstation/progress.ts';
import type { Publication } from './content/publication.ts';
import { type SharedLayers, sharedLayers } from './content/shared-layers.ts';
import type { SigningKey } from './signing/key.ts';
import { addSignature, makePayload, signatureTag } from './signing/signature.ts';
import { attach } from './transport/attach.ts';
import type { Layout } from './transport/layout.ts';
import type { Repository } from './transport/repository.ts';

export interface Sending {
  readonly publications: readonly Publication[];
  readonly repositories: ReadonlyMap<string, Repository>;
  readonly layout: Layout;
  readonly key: SigningKey | undefined;
  readonly progress: Progress;
  /** Says how much went out, in the note of the running task. */
  readonly onNote: (note: ((detail: string) => void) | undefined) => void;
}

const repositoryIn = ({ repositories }: Sending, name: string): Repository => {
  const found = repositories.get(name);
  if (found === undefined) throw new RangeError(name);
  return found;
};

/**
 * Lets a repository have the layers that it shares with others: they are sent to the first of these, and the registry
 * copies them to the rest. Most of an agent's image is the runtime that all agents share.
 */
async function shareLayers(
  sending: Sending,
  repository: Repository,
  shared: readonly SharedLayers[],
): Promise<void> {
  for (const { names, manifest } of shared) {
    const [first = ''] = names;
    if (!names.includes(repository.name)) continue;
    const home = repositoryIn(sending, first);
    await home.send(manifest.digest);
    if (home !== repository) await repository.copyFrom(home, manifest.digest);
  }
}

/** Signs manifests of a repository that this key has not signed yet. */
async function sign(
  sending: Sending,
  repository: Repository,
  digests: readonly string[],
): Promise<void> {
  const { key, layout } = sending;
  if (key === undefined) return;
  for (const digest of digests) {
    const tag = signatureTag(digest);
    const known = await repository.manifest(tag);
    const signed = addSignature(key, makePayload(repository.reference, digest), known);
    if (signed === undefined) continue;
    await layout.add(...signed.blobs);
    await layout.list(signed.manifest);
    await repository.send(signed.manifest.digest, tag);
  }
}

async function sendOne(
  sending: Sending,
  publication: Publication,
  shared: readonly SharedLayers[],
): Promise<void> {
  const { layout } = sending;
  const { name, index, images, referrers } = publication;
  const repository = repositoryIn(sending, name);
  if (!(await repository.has(index.digest))) {
    await shareLayers(sending, repository, shared);
    await repository.send(index.digest);
  }
  await attach(repository, layout, referrers);
  // Podman and skopeo ask for a signature of the architecture's manifest too. What is known about an image is signed
  // because whoever may write to the registry could replace it.
  await sign(sending, repository, [
    index.digest,
    ...[...images.values()].map(({ manifest }) => manifest.digest),
    ...referrers.map(({ manifest }) => manifest.digest),
  ]);
}

/** Puts everything that no build has written into the layout. */
async function fill(
  layout: Layout,
  publications: readonly Publication[],
  shared: readonly SharedLayers[],
): Promise<void> {
  for (const { index, images, referrers } of publications) {
    await layout.add(index);
    await layout.list(index, ...[...images.values()].map((image) => image.manifest));
    for (const { manifest, blobs } of referrers) {
      await layout.add(manifest, ...blobs);
      await layout.list(manifest);
    }
  }
  for (const { manifest, blobs } of shared) {
    await layout.add(manifest, ...blobs);
    await layout.list(manifest);
  }
}

/**
 * Sends all publications by digest, each with what is known about it, and only then moves the tags: that of the
 * operating system, which names the others by digest, last. A program that is killed leaves each tag on a complete old
 * or new image.
 */
export async function sendAll(sending: Sending, tag: string): Promise<void> {
  const { publications, layout, progress, onNote } = sending;
  const shared = sharedLayers(publications);
  await fill(layout, publications, shared);
  for (const publication of publications)
    await progress.task(repositoryIn(sending, publication.name).reference, async (note) => {
      onNote(note);
      await sendOne(sending, publication, shared);
    });
  await progress.task(`tag ${tag}`, async (note) => {
    onNote(undefined);
    for (const { name, index } of publications) {
      note(name);
      await repositoryIn(sending, name).tag(tag, index);
    }
  });
}
