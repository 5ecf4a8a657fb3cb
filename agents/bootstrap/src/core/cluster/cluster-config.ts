import { withHttpsPort } from '../document/formats/https-port.ts';
import type { NodeBootstrap } from '../document/schema.ts';
import { type BootstrapError, fieldError as asFieldError } from '../faults/errors.ts';
import { type ClusterAuth, type InspectPair, readAuth } from './auth.ts';
import { authorityFault, withoutScheme } from './endpoint.ts';
import { parseKubeconfig } from './kubeconfig.ts';
import { parseCertificates, PemError } from './pem.ts';

/** How the API server is verified. */
export interface Trust {
  /** The document's CA certificates, PEM. */
  readonly bundle: readonly string[];
  /** SHA-256 over the SubjectPublicKeyInfo of CA certificates; one of the cluster's must be among them. */
  readonly pins: readonly string[];
  /** Accept the CA of any server that can sign with the token. */
  readonly skipVerification: boolean;
}

/** The cluster a document names, checked and completed. */
export interface ClusterConfig {
  readonly name: string;
  readonly endpoint: string;
  readonly trust: Trust;
  readonly auth: ClusterAuth;
}

const fieldError = (path: string, why: string): BootstrapError =>
  asFieldError(`read the bootstrap document: ${path}: ${why}`);

const UNSPECIFIED = new Set(['0.0.0.0', '[::]']);

function urlFault(url: URL | undefined): string | undefined {
  if (url === undefined) return 'must be a URL, https://host:port';
  if (url.protocol !== 'https:') return 'must begin with https://';
  if (`${url.username}${url.password}` !== '') return 'must not contain a user name or password';
  if (`${url.pathname}${url.search}${url.hash}` !== '/') return 'must end after the port';
  return UNSPECIFIED.has(url.hostname) ? 'names no host' : undefined;
}

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

/** Returns why a text is not an address of an API server. URL drops line breaks and reads many spellings of numbers. */
export const endpointFault = (text: string): string | undefined =>
  urlFault(urlOf(text)) ?? authorityFault(withoutScheme(text));

/** Returns the port. URL drops an explicit 443, the default of https; the API server's default is 6443. */
function portOf(url: URL, text: string): string {
  if (url.port !== '') return url.port;
  return /:0*443\/?$/.test(text.trim()) ? '443' : '6443';
}

/** Returns `https://host:port`. Kubeconfigs and TLS need nothing else; a path is refused, because it would be lost. */
export function normaliseEndpoint(text: string): string {
  const url = urlOf(text);
  const fault = endpointFault(text);
  if (url === undefined || fault !== undefined) throw fieldError('cluster.endpoint', fault ?? '');
  return `https://${url.hostname}:${portOf(url, text)}`;
}

/** A server that only its own machine reaches. */
const isLoopback = ({ hostname }: URL): boolean => /^(?:localhost|127\..*|\[::1\])$/.test(hostname);

/** The API server that cluster-info names, as this node would use it; or why it cannot. */
export type Announced = { readonly server: string } | { readonly why: string };

/** Reads the address of the server in a cluster's own kubeconfig, where 443 is the port that may be left out. */
export function announcedServer(text: string | undefined): Announced {
  if (text === undefined || text === '') return { why: 'it names none' };
  const url = urlOf(text);
  const fault = urlFault(url);
  if (url === undefined || fault !== undefined) return { why: `${text} ${fault ?? ''}` };
  if (isLoopback(url)) return { why: `${text} is on each machine another` };
  return { server: `https://${url.hostname}:${portOf(url, withHttpsPort(text))}` };
}

function readTrust(cluster: NonNullable<NodeBootstrap['cluster']>): Trust {
  const pins = cluster.caCertHashes ?? [];
  const skip = cluster.unsafeSkipCAVerification === true;
  if (cluster.caBundle === undefined && pins.length === 0 && !skip)
    throw fieldError('cluster', 'needs caBundle or caCertHashes');
  try {
    const bundle = cluster.caBundle === undefined ? [] : parseCertificates(cluster.caBundle);
    return { bundle, pins, skipVerification: skip && bundle.length === 0 && pins.length === 0 };
  } catch (error) {
    throw error instanceof PemError ? fieldError('cluster.caBundle', error.message) : error;
  }
}

/** Adds server and CA of the document's kubeconfig; the document's own `cluster` overrides them. */
function withKubeconfig(document: NodeBootstrap): NodeBootstrap['cluster'] {
  const { cluster, auth } = document;
  if (auth?.kubeconfig === undefined) return cluster;
  const { server, ca } = parseKubeconfig(auth.kubeconfig);
  return {
    ...(server === undefined ? {} : { endpoint: withHttpsPort(server) }),
    ...(ca === undefined || cluster?.caCertHashes !== undefined ? {} : { caBundle: ca }),
    ...cluster,
  };
}

/**
 * Returns the cluster a complete document names; undefined when it has none and the node is to stay standalone. `held`
 * replaces an `auth` that is gone, on a node that has its certificate or still has its token.
 */
export function readClusterConfig(
  document: NodeBootstrap,
  inspect: InspectPair,
  held?: ClusterAuth,
): ClusterConfig | undefined {
  const cluster = withKubeconfig(document);
  const { auth } = document;
  if (cluster === undefined) {
    if (auth !== undefined) throw fieldError('cluster', 'is required because auth is there');
    return undefined;
  }
  if (cluster.endpoint === undefined) throw fieldError('cluster.endpoint', 'is required');
  const clusterAuth = auth === undefined ? held : readAuth(auth, inspect, held);
  if (clusterAuth === undefined) throw fieldError('auth', 'is required because cluster is there');
  const trust = readTrust(cluster);
  if (trust.bundle.length === 0 && clusterAuth.kind === 'user' && clusterAuth !== held)
    throw fieldError('cluster.caBundle', 'is required: only a token can vouch for a CA');
  return {
    name: cluster.name ?? 'default',
    endpoint: normaliseEndpoint(cluster.endpoint),
    trust,
    auth: clusterAuth,
  };
}
