import path from 'node:path';

import * as v from 'valibot';

import type { Blob } from '../../build/formats/oci.ts';
import type { Layout } from './layout.ts';
import type { Oras } from './oras.ts';

const Found = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ referrers: v.optional(v.nullable(v.array(v.object({ digest: v.string() })))) }),
);

/** One repository of the registry. */
export class Repository {
  readonly name: string;
  /** Its name with the registry's. */
  readonly reference: string;
  readonly #oras: Oras;
  readonly #layout: Layout;

  constructor(name: string, reference: string, oras: Oras, layout: Layout) {
    this.name = name;
    this.reference = reference;
    this.#oras = oras;
    this.#layout = layout;
  }

  async has(digest: string): Promise<boolean> {
    const at = `${this.reference}@${digest}`;
    return (await this.#oras.tryRun(`look for ${at}`, ['resolve', at])) !== undefined;
  }

  /** Sends a manifest and all that it names, children first, and leaves out what the repository has. */
  async send(digest: string, tag?: string): Promise<void> {
    const to = tag === undefined ? this.reference : `${this.reference}:${tag}`;
    const from = `${path.basename(this.#layout.dir)}@${digest}`;
    await this.#oras.run(
      `send to ${to}`,
      ['cp', '--no-tty', '--from-oci-layout', from, to],
      ['to-'],
    );
  }

  /** Lets the registry copy a manifest and its blobs from another repository. */
  async copyFrom(other: Repository, digest: string): Promise<void> {
    const from = `${other.reference}@${digest}`;
    const what = `copy ${other.reference} to ${this.reference}`;
    await this.#oras.run(what, ['cp', '--no-tty', from, this.reference], ['from-', 'to-']);
  }

  /** Lets a tag mean a manifest that is there. A tag that means it already is left alone. */
  async tag(tag: string, manifest: Blob): Promise<void> {
    const to = `${this.reference}:${tag}`;
    const file = this.#layout.fileOf(manifest.digest);
    const flags = ['--media-type', manifest.mediaType];
    await this.#oras.run(`tag ${to}`, ['manifest', 'push', ...flags, to, file]);
  }

  /** Returns the text of a manifest; undefined when there is none. */
  async manifest(reference: string): Promise<string | undefined> {
    const at = `${this.reference}${reference.startsWith('sha256:') ? '@' : ':'}${reference}`;
    return this.#oras.tryRun(`read ${at}`, ['manifest', 'fetch', at]);
  }

  /** Returns the digests of the manifests about another one. */
  async referrers(digest: string): Promise<Set<string>> {
    const at = `${this.reference}@${digest}`;
    const command = ['discover', '--format', 'json', '--depth', '1', at];
    const text = await this.#oras.run(`list what is known about ${at}`, command);
    return new Set((v.parse(Found, text).referrers ?? []).map((entry) => entry.digest));
  }
}
