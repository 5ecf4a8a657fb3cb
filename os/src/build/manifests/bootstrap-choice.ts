import { existsSync } from 'node:fs';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { imageName } from '../shipped.ts';
import { type Json, list, record } from './rules/view.ts';

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

/**
 * Returns the bootstrap pod as chosen: its first container changes. Its mounts stay, and so do its rights except for
 * Scaleway.
 */
export function chooseBootstrap(pod: Json, choice: BootstrapChoice): Json {
  const spec = record(pod['spec']);
  const [first, ...others] = list(spec['containers']).map(record);
  const container = choiceIn(first ?? {}, choice);
  return { ...pod, spec: { ...spec, containers: [container, ...others] } };
}

function choiceIn(container: Json, choice: BootstrapChoice): Json {
  if (choice.kind === 'agent') return { ...container, image: choice.image };
  if (choice.kind === 'image')
    return { ...container, image: choice.image, imagePullPolicy: 'IfNotPresent' };
  const args = [...list(container['args']), `--provider=${choice.provider}`];
  if (choice.provider !== 'scaleway') return { ...container, args };
  const context = record(container['securityContext']);
  // Scaleway's metadata service returns user data only to source ports below 1024.
  const capabilities = { ...record(context['capabilities']), add: ['NET_BIND_SERVICE'] };
  return { ...container, args, securityContext: { ...context, capabilities } };
}
