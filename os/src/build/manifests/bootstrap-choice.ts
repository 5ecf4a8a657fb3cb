import { existsSync } from 'node:fs';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { parseDocument } from 'yaml';

import { KIOS } from '../versions.ts';

/** What a folder may hold: the agent, and programs that documents may name (docs/bootstrap.md). */
export const SOURCE = 'src/main.ts';
export const PLUGINS = 'plugins';

/** Places a node may hear of itself from; agents/bootstrap knows how each is read. */
export const PROVIDERS = [
  'file', 'aws', 'gcp', 'azure', 'openstack', 'nocloud', 'digitalocean', 'hetzner', 'vultr', 'scaleway', 'oracle', 'akamai', 'fwcfg', 'none',
] as const; // prettier-ignore

/** How a node's bootstrap differs from the shipped one. */
export type BootstrapChoice =
  | { readonly kind: 'provider'; readonly provider: string }
  /** A folder with an agent's source, built into the node like the shipped agents, or with programs for the shipped one, or both. */
  | { readonly kind: 'agent'; readonly folder: string; readonly image: string }
  /** An image that the node pulls. */
  | { readonly kind: 'image'; readonly image: string };

/** `registry.example/name:tag` or `…@sha256:…`: a reference without a registry would be looked for on somebody's hub. */
const REFERENCE =
  /^[a-z0-9.-]+(?:\.[a-z0-9-]+|:\d+)(?:\/[a-z0-9._-]+)+(?::[\w.-]+|@sha256:[0-9a-f]{64})$/;

/** Reads what `--bootstrap` names: a provider, an agent's folder, or an image. */
export function readChoice(word: string): BootstrapChoice {
  if (PROVIDERS.some((name) => name === word)) return { kind: 'provider', provider: word };
  if (word !== '' && [SOURCE, PLUGINS].some((part) => existsSync(path.join(word, part)))) {
    const folder = path.resolve(word);
    return { kind: 'agent', folder, image: `kios.dev/${path.basename(folder)}:${KIOS}` };
  }
  if (REFERENCE.test(word)) return { kind: 'image', image: word };
  throw new KiosError(
    'KIOS_BOOTSTRAP_CHOICE',
    `read --bootstrap ${word}: neither a provider, nor a folder with src/main.ts or plugins, nor an image with registry and tag`,
    { exitCode: EXIT.usage, remedy: `providers are ${PROVIDERS.join(', ')}` },
  );
}

/** The manifest of the bootstrap pod, changed as chosen. Rights and mounts stay. */
export function chooseBootstrap(manifest: string, choice: BootstrapChoice): string {
  const document = parseDocument(manifest);
  const container = ['spec', 'containers', 0];
  if (choice.kind === 'provider') {
    document.addIn([...container, 'args'], `--provider=${choice.provider}`);
    // Its metadata service tells user data to source ports below 1024 only.
    if (choice.provider === 'scaleway')
      document.setIn(
        [...container, 'securityContext', 'capabilities', 'add'],
        ['NET_BIND_SERVICE'],
      );
  } else {
    document.setIn([...container, 'image'], choice.image);
    if (choice.kind === 'image') document.setIn([...container, 'imagePullPolicy'], 'IfNotPresent');
  }
  return document.toString();
}
