import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

import * as v from 'valibot';

import { PASSWORD, type TestRegistry, USER } from './registries.ts';

const Descriptor = v.looseObject({
  mediaType: v.string(),
  digest: v.string(),
  size: v.number(),
  artifactType: v.optional(v.string()),
  annotations: v.optional(v.record(v.string(), v.string()), {}),
  platform: v.optional(v.object({ architecture: v.string(), os: v.string() })),
});
export type Descriptor = v.InferOutput<typeof Descriptor>;

const Manifest = v.looseObject({
  mediaType: v.optional(v.string()),
  artifactType: v.optional(v.string()),
  subject: v.optional(Descriptor),
  config: v.optional(Descriptor),
  layers: v.optional(v.array(Descriptor), []),
  manifests: v.optional(v.array(Descriptor), []),
  annotations: v.optional(v.record(v.string(), v.string()), {}),
});
export type Manifest = v.InferOutput<typeof Manifest> & { readonly digest: string };

const INDEX = 'application/vnd.oci.image.index.v1+json';
const ACCEPT = [INDEX, 'application/vnd.oci.image.manifest.v1+json'].join(', ');

interface Reply {
  readonly status: number;
  readonly bytes: Buffer;
}

/** Reads a registry by the distribution-spec, without any of the code under test. */
export class RegistryReader {
  readonly #registry: TestRegistry;

  constructor(registry: TestRegistry) {
    this.#registry = registry;
  }

  #ask(where: string, method = 'GET', body?: string): Promise<Reply> {
    const { url, ca } = this.#registry;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const options = {
      method,
      headers: body === undefined ? { accept: ACCEPT } : { 'content-type': INDEX },
      ...(ca === undefined ? {} : { ca: ca.pem, auth: `${USER}:${PASSWORD}` }),
    };
    const request = (ca === undefined ? httpRequest : httpsRequest)(
      `${url}/v2/${where}`,
      options,
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
    return promise;
  }

  /** Returns a manifest by tag or digest. */
  async manifest(repository: string, reference: string): Promise<Manifest | undefined> {
    const { status, bytes } = await this.#ask(`${repository}/manifests/${reference}`);
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`${repository}:${reference}: status ${status}`);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (reference.startsWith('sha256:') && digest !== reference)
      throw new Error(`${repository}@${reference} has digest ${digest}`);
    return { ...v.parse(Manifest, JSON.parse(bytes.toString())), digest };
  }

  async blob(repository: string, digest: string): Promise<Buffer> {
    const { status, bytes } = await this.#ask(`${repository}/blobs/${digest}`);
    if (status !== 200) throw new Error(`${repository}@${digest}: status ${status}`);
    return bytes;
  }

  /** Returns what is listed about a manifest, by the API or by the fallback tag. */
  async referrers(repository: string, digest: string): Promise<readonly Descriptor[]> {
    const { status, bytes } = await this.#ask(`${repository}/referrers/${digest}`);
    if (status === 200) return v.parse(Manifest, JSON.parse(bytes.toString())).manifests;
    return (await this.manifest(repository, digest.replace(':', '-')))?.manifests ?? [];
  }

  /** Lets a tag mean an index. */
  async putIndex(repository: string, tag: string, index: object): Promise<void> {
    const where = `${repository}/manifests/${tag}`;
    const { status } = await this.#ask(where, 'PUT', JSON.stringify(index));
    if (status !== 201) throw new Error(`${repository}:${tag}: status ${status}`);
  }

  /** Fails unless the manifest and all below it are there, with the sizes that their parents say. */
  async complete(repository: string, reference: string): Promise<Manifest> {
    const manifest = await this.manifest(repository, reference);
    if (manifest === undefined) throw new Error(`${repository}:${reference} is missing`);
    for (const { digest } of manifest.manifests) await this.complete(repository, digest);
    for (const blob of [...(manifest.config ? [manifest.config] : []), ...manifest.layers]) {
      const bytes = await this.blob(repository, blob.digest);
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      if (bytes.length !== blob.size || digest !== blob.digest)
        throw new Error(`${repository}: blob ${blob.digest} is damaged`);
    }
    return manifest;
  }
}
