import path from 'node:path';

import { DOCUMENT, MANIFESTS, NETWORK } from './boot-folder.ts';

/** One file to write, or to remove where it has no content. */
export interface Change {
  readonly name: string;
  readonly content: Buffer | undefined;
}

/** What a person wants on the medium; what is undefined stays as it is. */
export interface Wanted {
  /** The bootstrap document. */
  readonly document: Buffer | undefined;
  /** All static pods, by their names on the node. */
  readonly manifests: ReadonlyMap<string, Buffer> | undefined;
  /** Settings of network cards. */
  readonly network: Buffer | undefined;
}

/**
 * Plans the changes to a medium that has the files `present`. The document comes last: it is what makes the rest count,
 * so a node that starts from a medium left half done joins no cluster.
 */
export function planChanges(wanted: Wanted, present: readonly string[]): Change[] {
  const changes: Change[] = [];
  if (wanted.manifests !== undefined) {
    const { manifests } = wanted;
    const stale = present.filter(
      (name) => path.posix.dirname(name) === MANIFESTS && !manifests.has(path.posix.basename(name)),
    );
    changes.push(...stale.map((name) => ({ name, content: undefined })));
    for (const [name, content] of manifests)
      changes.push({ name: `${MANIFESTS}/${name}`, content });
  }
  if (wanted.network !== undefined) changes.push({ name: NETWORK, content: wanted.network });
  if (wanted.document !== undefined) changes.push({ name: DOCUMENT, content: wanted.document });
  return changes;
}
