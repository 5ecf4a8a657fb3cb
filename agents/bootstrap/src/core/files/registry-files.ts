import { parseCertificates, PemError } from '../cluster/pem.ts';
import { withoutUsers } from '../document/proxy.ts';
import { ANY_REGISTRY, type RegistrySpec } from '../document/registries.ts';
import type { NodeBootstrap } from '../document/schema.ts';
import { fieldError } from '../faults/errors.ts';
import type { OutputFile } from './output-file.ts';

/** Docker's form of credentials. `/.docker/config.json` of the image, which kubelet reads, is a link to this file. */
export const REGISTRY_CREDENTIALS = 'kubernetes/registry-credentials.json';

/** containerd reads this folder at each pull. */
const CERTS = 'containerd/certs.d';

const folderOf = (host: string): string => `${CERTS}/${host === ANY_REGISTRY ? '_default' : host}`;

const quoted = (value: string): string => JSON.stringify(value);

/** Formats containerd's hosts.toml. Without `server` the registry itself is asked last. */
function formatHosts({ endpoints = [], caBundle }: RegistrySpec): string {
  // Relative to this file.
  const ca = caBundle === undefined ? [] : ['ca = "ca.crt"'];
  const sections = endpoints.map((endpoint) => [
    '',
    `[host.${quoted(endpoint)}]`,
    'capabilities = ["pull", "resolve"]',
    ...ca,
  ]);
  return `${[...ca, ...sections.flat()].join('\n')}\n`;
}

function certificatesOf(host: string, bundle: string): string {
  try {
    return parseCertificates(bundle).join('');
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
    throw fieldError(`read the bootstrap document: registries.${host}.caBundle: ${error.message}`);
  }
}

const open = (path: string, content: string): OutputFile => ({
  path,
  content,
  mode: 0o644,
  isUserFile: true,
});

function filesOf(host: string, registry: RegistrySpec): readonly OutputFile[] {
  const { endpoints = [], caBundle } = registry;
  if (caBundle === undefined && endpoints.length === 0) return [];
  const folder = folderOf(host);
  const ca =
    caBundle === undefined ? [] : [open(`${folder}/ca.crt`, certificatesOf(host, caBundle))];
  return [...ca, open(`${folder}/hosts.toml`, formatHosts(registry))];
}

function formatCredentials(registries: Readonly<Record<string, RegistrySpec>>): string | undefined {
  const auths: Record<string, { username: string; password: string }> = {};
  for (const [host, { username, password }] of Object.entries(registries))
    if (username !== undefined && password !== undefined) auths[host] = { username, password };
  return Object.keys(auths).length === 0 ? undefined : `${JSON.stringify({ auths })}\n`;
}

/** Returns the files that say where images come from and how the node logs in there. */
export function registryFiles({ registries = {} }: NodeBootstrap): readonly OutputFile[] {
  return [
    ...Object.entries(registries).flatMap(([host, registry]) => filesOf(host, registry)),
    { path: REGISTRY_CREDENTIALS, content: formatCredentials(registries), mode: 0o600 },
  ];
}

/** Returns the document with `…` in the place of the passwords of registries and proxies. */
export function withoutPasswords(document: NodeBootstrap): NodeBootstrap {
  const { registries, proxy } = document;
  const hidden: Record<string, RegistrySpec> = {};
  for (const [host, registry] of Object.entries(registries ?? {}))
    hidden[host] = registry.password === undefined ? registry : { ...registry, password: '…' };
  return {
    ...document,
    ...(registries === undefined ? {} : { registries: hidden }),
    ...(proxy === undefined ? {} : { proxy: withoutUsers(proxy) }),
  };
}
