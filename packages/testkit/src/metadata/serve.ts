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
import { FAULT_KINDS, FaultMode, injectFault } from './fault-mode.ts';

/** The clouds that this service can imitate. */
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
  /** Addresses to listen on; a link-local address names its link after `%`. */
  hosts: v.array(v.string()),
  /** 80 when absent; 0 picks a free port. */
  port: v.optional(v.number()),
  fault: v.optional(FaultMode),
});
export type ServeOptions = Readonly<v.InferInput<typeof ServeOptions>>;

/** A request to the service and the reply it got. */
export const Served = v.object({
  method: v.string(),
  path: v.string(),
  headers: v.record(v.string(), v.optional(v.string())),
  status: v.number(),
  fault: v.optional(v.picklist(FAULT_KINDS)),
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

/** Serves one cloud's metadata on all addresses and reports each request. Returns the port. */
export async function serve(
  options: ServeOptions,
  onServed: (served: Served) => void,
): Promise<number> {
  const answer = CLOUDS[options.cloud](options.machine);
  const { fault } = options;
  let failed = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = await readAsked(request);
    const right = answer(asked);
    const { method, path, headers } = asked;
    const isFaulty =
      fault !== undefined && path.includes(fault.path ?? '') && failed++ < fault.first;
    const served = { method, path, headers, status: right.status };
    onServed(isFaulty ? { ...served, fault: fault.kind } : served);
    if (isFaulty) injectFault(fault.kind, response, right);
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
