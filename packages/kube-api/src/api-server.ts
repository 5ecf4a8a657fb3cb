import { request, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';

import { addressesOnNode, tryAddresses } from '@kios/agent';
import { errorCode, describe } from '@kios/errors';

import { isDistrust, isOfCertificate, type Reason, reasonOf, wordsOf } from './failure.ts';
import { readShown } from './shown-certificate.ts';

const MAX_BODY = 4 * 1024 * 1024;
/** A small board that is starting all its pods needs seconds for a single TLS handshake. */
const ANSWER_MS = 30_000;

/** A client certificate and its key, PEM. */
export interface ClientPair {
  readonly cert: string;
  readonly key: string;
}

export interface ApiRequest {
  readonly path: string;
  /** PEM certificates to trust; `undefined` trusts any server, for data that is verified by other means. */
  readonly ca: readonly string[] | undefined;
  readonly token?: string;
  readonly client?: ClientPair;
  /** JSON to POST; without it and the patches the request is a GET. */
  readonly body?: string;
  /** JSON to merge into an object by its schema (strategic merge patch). */
  readonly patch?: string;
  /** JSON to merge into an object (RFC 7396). */
  readonly mergePatch?: string;
  /** The form of the answer; without it JSON. */
  readonly accept?: string;
  readonly timeoutMs?: number;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** The API server, as reached without a kubeconfig. */
export interface ApiServer {
  /** Sends a request, be it a GET or not. */
  get(wanted: ApiRequest): Promise<ApiAnswer>;
}

/**
 * Why there is no answer: the server took its time, so what it would have sent is unknown; nobody replies; or it is not
 * the server that the certificates are of.
 */
export type ApiFault = 'late' | 'unreachable' | 'untrusted';

export interface Opening {
  /** `https://host:port`. */
  readonly endpoint: string;
  /** File with the node's name servers. */
  readonly resolvConf: string;
  readonly signal: AbortSignal;
  /** Makes the caller's error; the message reads after "cannot". The reason decides what helps. */
  readonly failed: (fault: ApiFault, message: string, reason: Reason) => Error;
}

const isFinal = (error: unknown): boolean => isDistrust(reasonOf(error));

/** Returns the certificate in words, if the fault is about it. */
async function shownOf(opening: Opening, reason: Reason, address: string): Promise<string> {
  if (!isDistrust(reason) || !isOfCertificate(reason)) return '';
  const url = new URL(opening.endpoint);
  const server = { host: address, port: Number(url.port || 443), ...serverName(url) };
  const shown = await readShown(server, opening.signal);
  return shown === undefined ? '' : `; ${shown}`;
}

/** Returns an error with a message of one line; the library's stack would fill the console. */
async function explain(opening: Opening, cause: unknown, address: string): Promise<Error> {
  const { endpoint, failed } = opening;
  const reason = reasonOf(cause);
  if (!isDistrust(reason))
    return failed('unreachable', `reach ${endpoint}: ${describe(cause)}`, reason);
  const isOfTime = reason === 'early' || reason === 'expired';
  const clock = isOfTime ? `; this node's clock says ${new Date().toISOString()}` : '';
  const shown = await shownOf(opening, reason, address);
  const why = `${wordsOf(reason)} (${errorCode(cause)}${clock})${shown}`;
  return failed('untrusted', `verify ${endpoint}: ${why}`, reason);
}

/** The part of a request that depends on what it sends. */
interface Sending {
  readonly method: string;
  readonly body?: string;
  readonly type?: string;
}

function sendingOf({ body, patch, mergePatch }: ApiRequest): Sending {
  if (patch !== undefined)
    return { method: 'PATCH', body: patch, type: 'application/strategic-merge-patch+json' };
  if (mergePatch !== undefined)
    return { method: 'PATCH', body: mergePatch, type: 'application/merge-patch+json' };
  return body === undefined
    ? { method: 'GET' }
    : { method: 'POST', body, type: 'application/json' };
}

function headers(
  url: URL,
  { token, accept = 'application/json' }: ApiRequest,
  { body, type = '' }: Sending,
): Record<string, string> {
  return {
    accept,
    connection: 'close',
    host: url.host,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined
      ? {}
      : { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }),
  };
}

/** RFC 6066 §3: an address is not a server name; the certificate is then checked against `host`. */
function serverName({ hostname }: URL): { readonly servername?: string } {
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(name) === 0 ? { servername: name } : {};
}

function tlsOptions(url: URL, { ca, client }: ApiRequest): RequestOptions {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: ca !== undefined,
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...client,
    ...serverName(url),
  };
}

/** Sends one request on its own connection, without proxy or redirect; the answer is bounded. */
async function fetchOnce(
  url: URL,
  address: string,
  wanted: ApiRequest,
  signal: AbortSignal,
): Promise<ApiAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ApiAnswer>();
  const sending = sendingOf(wanted);
  const call = request({
    host: address,
    port: url.port,
    path: wanted.path,
    agent: false,
    method: sending.method,
    headers: headers(url, wanted, sending),
    ...tlsOptions(url, wanted),
    signal,
  });
  call.on('error', reject);
  call.on('response', (response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('error', reject);
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) call.destroy(new Error(`the answer is longer than ${MAX_BODY} bytes`));
      else chunks.push(chunk);
    });
    response.on('end', () => {
      const status = response.statusCode ?? 0;
      resolve({ status, body: Buffer.concat(chunks).toString('utf8') });
    });
  });
  call.end(sending.body);
  return promise;
}

/** Opens an API server. Its failures are those that the caller makes: untrusted or unreachable. */
export function openApiServer(opening: Opening): ApiServer {
  const { endpoint, resolvConf, signal } = opening;
  const url = new URL(endpoint);
  return {
    async get(wanted) {
      // One deadline for name and answer, so that a server that sends a byte a second ends too.
      const timeoutMs = wanted.timeoutMs ?? ANSWER_MS;
      const late = AbortSignal.timeout(timeoutMs);
      let asked = '';
      try {
        const until = AbortSignal.any([signal, late]);
        return await tryAddresses(
          addressesOnNode(url.hostname, resolvConf),
          (address) => {
            asked = address;
            return fetchOnce(url, address, wanted, until);
          },
          // Who replies at one address would at the other, and is not the cluster.
          (error) => until.aborted || isFinal(error),
        );
      } catch (cause) {
        signal.throwIfAborted();
        const silence = `reach ${endpoint}: no answer in ${timeoutMs / 1000} s`;
        if (late.aborted) throw opening.failed('late', silence, 'other');
        throw await explain(opening, cause, asked);
      }
    },
  };
}
