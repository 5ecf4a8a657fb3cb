import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import * as v from 'valibot';

import { type Answer, type Asked, type Cloud, CloudMachine } from './cloud.ts';
import { aws } from './clouds/aws.ts';
import { azure, wireserver } from './clouds/azure.ts';
import { gcp } from './clouds/gcp.ts';
import {
  akamai,
  digitalocean,
  hetzner,
  nocloud,
  openstack,
  oracle,
  scaleway,
  vultr,
} from './clouds/small-clouds.ts';
import { spoil, Vice, VICES } from './fault-mode.ts';

/** The clouds this can pretend to be. */
export const CLOUDS = {
  akamai,
  aws,
  azure,
  digitalocean,
  gcp,
  hetzner,
  nocloud,
  openstack,
  oracle,
  scaleway,
  vultr,
  wireserver,
} as const satisfies Readonly<Record<string, Cloud>>;

const cloudNames = Object.keys(CLOUDS).filter(
  (name): name is keyof typeof CLOUDS => name in CLOUDS,
);

export const ServeOptions = v.strictObject({
  cloud: v.picklist(cloudNames),
  machine: CloudMachine,
  /** Addresses to listen on; a link-local one names its link after `%`. */
  hosts: v.array(v.string()),
  /** 80 when absent, 0 for any. */
  port: v.optional(v.number()),
  vice: v.optional(Vice),
});
export type ServeOptions = Readonly<v.InferInput<typeof ServeOptions>>;

/** What was asked of the service, and how it behaved. */
export const Served = v.object({
  method: v.string(),
  path: v.string(),
  headers: v.record(v.string(), v.optional(v.string())),
  status: v.number(),
  vice: v.optional(v.picklist(VICES)),
});
export type Served = Readonly<v.InferInput<typeof Served>>;

async function readBody(request: IncomingMessage): Promise<string> {
  request.setEncoding('utf8');
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}

async function readAsked(request: IncomingMessage): Promise<Asked> {
  const url = new URL(request.url ?? '/', 'http://metadata');
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, value?.toString()]),
  );
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers,
    sourcePort: request.socket.remotePort ?? 0,
    body: await readBody(request),
  };
}

const send = (response: ServerResponse, { status, headers, body }: Answer): void =>
  void response.writeHead(status, headers).end(body);

/** Serves one cloud's metadata on all of the addresses; tells of each request. Answers the port. */
export async function serve(
  options: ServeOptions,
  onServed: (served: Served) => void,
): Promise<number> {
  const answer = CLOUDS[options.cloud](options.machine);
  const { vice } = options;
  let spoilt = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = await readAsked(request);
    const right = answer(asked);
    const { method, path, headers } = asked;
    const isSpoilt = vice !== undefined && path.includes(vice.path ?? '') && spoilt++ < vice.first;
    const told = { method, path, headers, status: right.status };
    onServed(isSpoilt ? { ...told, vice: vice.kind } : told);
    if (isSpoilt) spoil(vice.kind, response, right);
    else send(response, right);
  };
  let port = options.port ?? 80;
  for (const host of options.hosts) {
    const server = createServer((request, response) => void handle(request, response));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen({ host, port, ipv6Only: true }, resolve);
    await promise;
    const address = server.address();
    if (address !== null && typeof address === 'object') ({ port } = address);
  }
  return port;
}
