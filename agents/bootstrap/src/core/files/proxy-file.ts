import type { NodeBootstrap } from '../document/schema.ts';
import type { OutputFile } from './output-file.ts';

/** Where init reads the proxy before each start of containerd and kubelet, relative to /etc. */
const PROXY_FILE = 'kubernetes/proxy';

/** This machine, metadata services and the names of the cluster's services: no proxy reaches them. */
const DIRECT = ['localhost', '127.0.0.0/8', '::1', '169.254.0.0/16', '.svc', '.cluster.local'];

const hostOf = (server: string | undefined): readonly string[] =>
  server !== undefined && URL.canParse(server)
    ? [new URL(server).hostname.replace(/^\[(.*)\]$/, '$1')]
    : [];

/**
 * Returns the proxy's file. The API server is never reached by the proxy: kubelet's connection to it must not depend on
 * one, and this agent has proved that it is reached without.
 */
export function proxyFile(
  { proxy }: Pick<NodeBootstrap, 'proxy'>,
  servers: readonly (string | undefined)[],
): OutputFile {
  const hosts = servers.flatMap(hostOf);
  const words = {
    HTTP_PROXY: proxy?.http,
    HTTPS_PROXY: proxy?.https,
    NO_PROXY: [...new Set([...DIRECT, ...hosts, ...(proxy?.noProxy ?? [])])].join(','),
  };
  const lines = Object.entries(words).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}\n`],
  );
  const content = proxy === undefined ? undefined : lines.join('');
  return { path: PROXY_FILE, content, mode: 0o600 };
}
