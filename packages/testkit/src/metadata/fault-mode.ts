import type { ServerResponse } from 'node:http';

import * as v from 'valibot';

import type { Answer } from './cloud.ts';

/** Faults that metadata services have shown in place of a reply. */
export const FAULT_KINDS = [
  'late',
  'unavailable',
  'too-many',
  'hang',
  'slow',
  'redirect',
  'portal',
  'empty',
  'torn',
  'half',
  'endless',
] as const;

export const FaultMode = v.strictObject({
  kind: v.picklist(FAULT_KINDS),
  /** Number of requests that fail before the service works. */
  first: v.number(),
  /** Only requests whose path contains this string fail. */
  path: v.optional(v.string()),
});
export type FaultMode = Readonly<v.InferOutput<typeof FaultMode>>;

const PORTAL = '<!DOCTYPE html><html><head><title>Welcome</title></head><body>Log in</body></html>';
const BYTE_INTERVAL_MS = 1000;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

function trickle(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length + 1 });
  response.flushHeaders();
  let sent = 0;
  const timer = setInterval(() => void response.write(body[sent++] ?? ' '), BYTE_INTERVAL_MS);
  response.once('close', () => clearInterval(timer));
}

function flood(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain' });
  const pour = (): void => {
    while (!response.destroyed && response.write(CHUNK));
  };
  response.on('drain', pour);
  pour();
}

/** Sends the right length and half of the body, then drops the connection. */
function tear(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) + 1 });
  response.write(body.slice(0, Math.ceil(body.length / 2)), () => response.destroy());
}

/** Replies with the fault instead of the `right` answer. */
export function injectFault(
  kind: FaultMode['kind'],
  response: ServerResponse,
  right: Answer,
): void {
  const half = right.body.slice(0, Math.floor(right.body.length / 2));
  const faults: Readonly<Record<FaultMode['kind'], () => unknown>> = {
    late: () => response.writeHead(404).end('Not Found'),
    unavailable: () => response.writeHead(503).end('Service Unavailable'),
    'too-many': () => response.writeHead(429).end('Too Many Requests'),
    hang: () => {},
    slow: () => trickle(response, right.body),
    redirect: () => response.writeHead(302, { location: 'http://192.0.2.80/login' }).end(),
    portal: () => response.writeHead(200, { 'content-type': 'text/html' }).end(PORTAL),
    empty: () => response.writeHead(200, { 'content-length': 0 }).end(),
    torn: () => tear(response, right),
    half: () => response.writeHead(right.status, right.headers).end(half),
    endless: () => flood(response),
  };
  faults[kind]();
}
