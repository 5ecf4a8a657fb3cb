import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { fileSha256 } from '../../workstation/digest.ts';
import type { Arch } from '../../workstation/paths.ts';
import { blobPath, MEDIA } from '../formats/oci.ts';
import { storedFile } from '../image/stored-files.ts';
import type { StoredBlob } from '../store/store.ts';

const DescriptorSchema = v.object({
  mediaType: v.string(),
  digest: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/, 'no SHA-256 digest')),
  size: v.number(),
  platform: v.optional(v.object({ os: v.string(), architecture: v.string() })),
  annotations: v.optional(v.record(v.string(), v.string())),
});
const Index = v.object({ manifests: v.array(DescriptorSchema) });
const Manifest = v.object({ config: DescriptorSchema, layers: v.array(DescriptorSchema) });
const Config = v.object({ os: v.string(), architecture: v.string() });

/** A descriptor of an OCI layout (image-spec v1.1, descriptor.md). */
export type LayoutDescriptor = v.InferOutput<typeof DescriptorSchema>;

const INDEXES: readonly string[] = [
  MEDIA.index,
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const MANIFESTS: readonly string[] = [
  MEDIA.manifest,
  'application/vnd.docker.distribution.manifest.v2+json',
];

const REF = 'containerd.io/gc.ref';

/** A folder with the blobs of one source of images: an OCI layout, whole or in part. */
export class Layout {
  readonly #folder: string;
  readonly #source: string;

  /** `source` is what the user named, for messages. */
  constructor(folder: string, source: string) {
    this.#folder = folder;
    this.#source = source;
  }

  fault(cause: string): KiosError {
    return new KiosError('KIOS_PRELOAD_IMAGE', `preload the image ${this.#source}: ${cause}`, {
      exitCode: EXIT.data,
      remedy: 'Save it again as an OCI archive that holds the image for the node’s architecture.',
    });
  }

  async #read<T>(name: string, schema: v.GenericSchema<unknown, T>): Promise<T> {
    const text = await readFile(path.join(this.#folder, name), 'utf8').catch(() => undefined);
    if (text === undefined) throw this.fault(`it has no file ${name}`);
    const read = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
    if (!read.success) throw this.fault(`${name} is not what OCI’s image-spec asks for`);
    return read.output;
  }

  /** Returns the images that the layout lists. */
  async list(): Promise<readonly LayoutDescriptor[]> {
    const has = (name: string): boolean => existsSync(path.join(this.#folder, name));
    if (!has('index.json') && has('manifest.json'))
      throw this.fault('it is a Docker archive of the old form, without index.json');
    return (await this.#read('index.json', Index)).manifests;
  }

  async #blob(
    { digest, size }: LayoutDescriptor,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<StoredBlob> {
    const file = path.join(this.#folder, blobPath(digest));
    const content = storedFile(file);
    const there = await content.size().catch(() => undefined);
    if (there === undefined) throw this.fault(`it lacks ${digest}`);
    if (there !== size || (await fileSha256(file)) !== digest.slice('sha256:'.length))
      throw this.fault(`${digest} is damaged`);
    return { digest, size, labels, content };
  }

  /**
   * Returns the blobs of an image for an architecture, from the descriptor of its index or manifest on, with the labels
   * that containerd gives them in a pull (core/images/mediatypes.go, ChildGCLabels).
   */
  async find(top: LayoutDescriptor, arch: Arch): Promise<StoredBlob[]> {
    const blobs: StoredBlob[] = [];
    let at = top;
    while (INDEXES.includes(at.mediaType)) {
      const inner = await this.#choose(at, arch);
      blobs.push(await this.#blob(at, { [`${REF}.content.m.0`]: inner.digest }));
      at = inner;
    }
    if (!MANIFESTS.includes(at.mediaType)) throw this.fault(`${at.mediaType} is no image`);
    const { config, layers } = await this.#read(blobPath(at.digest), Manifest);
    const platform = await this.#read(blobPath(config.digest), Config);
    if (platform.os !== 'linux' || platform.architecture !== arch)
      throw this.fault(`it is for ${platform.os}/${platform.architecture}, the node linux/${arch}`);
    const labels = layers.map(({ digest }, n) => [`${REF}.content.l.${n}`, digest] as const);
    blobs.push(
      await this.#blob(at, {
        [`${REF}.content.config`]: config.digest,
        ...Object.fromEntries(labels),
      }),
      await this.#blob(config),
    );
    for (const layer of layers) blobs.push(await this.#blob(layer));
    return blobs;
  }

  /** Returns the entry of an index that is for an architecture, which an entry need not say. */
  async #choose({ digest }: LayoutDescriptor, arch: Arch): Promise<LayoutDescriptor> {
    const { manifests } = await this.#read(blobPath(digest), Index);
    const found = manifests.find(
      ({ mediaType, platform }) =>
        (INDEXES.includes(mediaType) || MANIFESTS.includes(mediaType)) &&
        (platform === undefined || (platform.os === 'linux' && platform.architecture === arch)),
    );
    if (found === undefined) throw this.fault(`it has nothing for linux/${arch}`);
    return found;
  }
}
