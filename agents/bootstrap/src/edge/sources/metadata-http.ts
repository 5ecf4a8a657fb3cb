import { randomInt } from 'node:crypto';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

import { errorCode, describe } from '@kios/errors';

import {
  type Exchange,
  type MetadataAnswer,
  MetadataError,
  type MetadataRequest,
  withoutQuery,
} from '../../core/providers/provider.ts';

const CONNECT_MS = 1000;
const TOTAL_MS = 5000;
const MAX_BODY = 4 * 1024 * 1024;
const LOW_PORT_TRIES = 20;

function headersOf(response: IncomingMessage): MetadataAnswer['headers'] {
  const entries = Object.entries(response.headers);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

async function readBody(response: IncomingMessage): Promise<MetadataAnswer['body']> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response) {
    if (!(chunk instanceof Uint8Array)) continue;
    size += chunk.length;
    if (size > MAX_BODY) throw new MetadataError(`the answer is longer than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  if (!response.complete) throw new MetadataError('the answer was cut off');
  return Buffer.concat(chunks);
}

/** Sends one request on its own connection, without proxy or redirect; answer and time are bounded. */
async function send(
  base: Service,
  wanted: MetadataRequest,
  localPort: number | undefined,
  signal: AbortSignal,
): Promise<MetadataAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const start = base.isSecure ? requestHttps : requestHttp;
  const call = start({
    host: base.address,
    port: base.port,
    path: wanted.path,
    method: wanted.method,
    agent: false,
    headers: {
      ...wanted.headers,
      host: base.name,
      connection: 'close',
      ...(wanted.method === 'PUT' ? { 'content-length': '0' } : {}),
    },
    ...(localPort === undefined ? {} : { localPort }),
    signal,
  });
  const late = setTimeout(
    () => call.destroy(new MetadataError(`no connection in ${CONNECT_MS / 1000} s`)),
    CONNECT_MS,
  );
  call.on('socket', (socket) =>
    socket.once('connect', () => {
      clearTimeout(late);
      base.onConnect();
    }),
  );
  call.on('error', reject).on('response', resolve);
  call.end(wanted.body);
  try {
    const response = await promise;
    const body = await readBody(response);
    return { status: response.statusCode ?? 0, headers: headersOf(response), body };
  } finally {
    clearTimeout(late);
    call.destroy();
  }
}

/** Sends from a port below 1024, chosen at random until one is free. */
async function sendFromLowPort(
  base: Service,
  wanted: MetadataRequest,
  signal: AbortSignal,
): Promise<MetadataAnswer> {
  for (let left = LOW_PORT_TRIES; ; left--) {
    try {
      return await send(base, wanted, randomInt(600, 1024), signal);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EACCES' || code === 'EPERM')
        throw new MetadataError(
          `${wanted.path}: the pod may not use ports below 1024; give it NET_BIND_SERVICE`,
          true,
        );
      if (code !== 'EADDRINUSE' || left === 0) throw error;
    }
  }
}

/** The parsed address of a service. */
interface Base {
  readonly isSecure: boolean;
  /** A host name, or an address without brackets, with its link if it needs one. */
  readonly address: string;
  readonly port: number;
  /** For the Host header. */
  readonly name: string;
}

/** A service as it is called. */
interface Service extends Base {
  readonly onConnect: () => void;
}

function parseBase(text: string): Base {
  // URL does not parse a link name after the address (RFC 6874).
  const link = /%25([^\]]+)\]/.exec(text)?.[1];
  const url = new URL(text.replace(/%25[^\]]+/, ''));
  const address = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isSecure = url.protocol === 'https:';
  return {
    isSecure,
    address: link === undefined ? address : `${address}%${link}`,
    port: Number(url.port) || (isSecure ? 443 : 80),
    name: url.host,
  };
}

/** Opens the service at `base`, and reports a connection whatever comes over it. Every failure is a MetadataError. */
export function openExchange(
  base: string,
  signal: AbortSignal,
  onConnect: () => void = () => {},
): Exchange {
  const at = { ...parseBase(base), onConnect };
  return async (wanted) => {
    const late = AbortSignal.timeout(TOTAL_MS);
    const either = AbortSignal.any([signal, late]);
    try {
      return wanted.lowPort
        ? await sendFromLowPort(at, wanted, either)
        : await send(at, wanted, undefined, either);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MetadataError) throw error;
      const why = late.aborted ? `no answer in ${TOTAL_MS / 1000} s` : describe(error);
      throw new MetadataError(`${withoutQuery(wanted.path)}: ${why}`);
    }
  };
}
