import { existsSync } from 'node:fs';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { parseDocument } from 'yaml';

import { imageName } from '../shipped.ts';

/** Parts of an agent's folder: its source, and programs that documents may name (docs/bootstrap.md). */
export const SOURCE = 'src/main.ts';
export const PLUGINS = 'plugins';

/** The metadata providers of agents/bootstrap. */
export const PROVIDERS = [
  'file', 'aws', 'gcp', 'azure', 'openstack', 'nocloud', 'digitalocean', 'hetzner', 'vultr', 'scaleway', 'oracle', 'akamai', 'fwcfg', 'none',
] as const; // prettier-ignore

/** The difference of a node's bootstrap from the shipped one. */
export type BootstrapChoice =
  | { readonly kind: 'provider'; readonly provider: string }
  /** A folder with an agent's source, built like the shipped agents, with programs for an agent, or with both. */
  | { readonly kind: 'agent'; readonly folder: string; readonly image: string }
  /** An image that the node pulls. */
  | { readonly kind: 'image'; readonly image: string };

/** `registry.example/name:tag` or `…@sha256:…`. A reference without a registry would be pulled from a default one. */
const REFERENCE =
  /^[a-z0-9.-]+(?:\.[a-z0-9-]+|:\d+)(?:\/[a-z0-9._-]+)+(?::[\w.-]+|@sha256:[0-9a-f]{64})$/;

/** Parses the value of `--bootstrap`: a provider, an agent's folder or an image. */
export function readChoice(word: string): BootstrapChoice {
  if (PROVIDERS.some((name) => name === word)) return { kind: 'provider', provider: word };
  if (word !== '' && [SOURCE, PLUGINS].some((part) => existsSync(path.join(word, part)))) {
    const folder = path.resolve(word);
    return { kind: 'agent', folder, image: imageName(path.basename(folder)) };
  }
  if (REFERENCE.test(word)) return { kind: 'image', image: word };
  throw new KiosError(
    'KIOS_BOOTSTRAP_CHOICE',
    `use --bootstrap ${word}: it is not a provider, a folder with src/main.ts or plugins, or an image with registry and tag`,
    { exitCode: EXIT.usage, remedy: `Providers are ${PROVIDERS.join(', ')}.` },
  );
}

/** Changes the manifest of the bootstrap pod as chosen. Its mounts stay, and so do its rights except for Scaleway. */
export function chooseBootstrap(manifest: string, choice: BootstrapChoice): string {
  const document = parseDocument(manifest);
  const container = ['spec', 'containers', 0];
  if (choice.kind === 'provider') {
    document.addIn([...container, 'args'], `--provider=${choice.provider}`);
    // Scaleway's metadata service returns user data only to source ports below 1024.
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
