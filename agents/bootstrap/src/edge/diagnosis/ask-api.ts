import { connect, isIP } from 'node:net';

import { addressesOnNode } from '@kios/agent';
import { describe } from '@kios/errors';

import type { Reach } from '../../core/diagnosis/signs.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import type { ApiAnswer, ApiRequest, ApiServer } from '../cluster/api-server.ts';

/** A board under load takes seconds for a handshake. */
const ANSWER_MS = 8000;
const SMALL_MS = 4000;

/** Bytes that are no TLS, to which each server of TLS replies with a few bytes, or by hanging up. */
const NO_TLS = 'GET / HTTP/1.0\r\n\r\n';

/** How a connection that sends no TLS ended. */
type Small = 'reply' | 'silence' | { readonly closed: string };

/** Sends a few bytes and waits for a few. */
async function askLittle(host: string, port: number): Promise<Small> {
  const { promise, resolve } = Promise.withResolvers<Small>();
  let isOpen = false;
  const socket = connect({ host, port });
  const late = setTimeout(
    () => resolve(isOpen ? 'silence' : { closed: 'it does not reply' }),
    SMALL_MS,
  );
  socket.on('connect', () => {
    isOpen = true;
    socket.write(NO_TLS);
  });
  socket.on('data', () => resolve('reply'));
  socket.on('end', () => resolve('reply'));
  socket.on('error', (error) => resolve(isOpen ? 'reply' : { closed: describe(error) }));
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

/** Returns why a server that did not answer in time is silent. */
async function explainSilence(url: URL, address: string): Promise<Reach> {
  const small = await askLittle(address, Number(url.port || 443));
  if (small === 'reply') return { kind: 'only small' };
  return small === 'silence' ? { kind: 'silent' } : { kind: 'closed', why: small.closed };
}

async function firstAddress(host: string, resolvConf: string): Promise<string | undefined> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0) return bare;
  try {
    for await (const address of addressesOnNode(host, resolvConf)) return address;
  } catch {
    // No name server, and no file, knows the name.
  }
  return undefined;
}

const OF_TIME = /NOT_YET_VALID|HAS_EXPIRED/;

/** Returns what helps against this very cause; what helps against all of its kind the diagnosis knows itself. */
const ownRemedy = ({ remedy, fault }: BootstrapError): { readonly remedy?: string } =>
  remedy === undefined || remedy === fault.remedy ? {} : { remedy };

async function explain(url: URL, address: string, error: unknown): Promise<Reach> {
  if (!(error instanceof BootstrapError)) return { kind: 'other', why: describe(error) };
  const why = error.message;
  if (error.code === 'KIOS_BOOTSTRAP_UNTRUSTED')
    return { kind: OF_TIME.test(why) ? 'other time' : 'untrusted', why, ...ownRemedy(error) };
  if (error.isLate) return explainSilence(url, address);
  return { kind: 'closed', why: why.split(': ').at(-1) ?? why };
}

/** What a status says of the connection. What else it refuses is between it and this node's rights. */
function reachOf(status: number, { client, token }: ApiRequest): Reach {
  if (status >= 500) return { kind: 'other', why: `it answers ${status}` };
  if (status === 401 && client !== undefined) return { kind: 'refused', shown: 'certificate' };
  if (status === 401 && token !== undefined) return { kind: 'refused', shown: 'token' };
  return { kind: 'reached' };
}

/** How the API server is asked. */
export interface Question {
  readonly api: ApiServer;
  readonly endpoint: string;
  readonly resolvConf: string;
  readonly request: ApiRequest;
}

/** Asks the API server, and returns how far that came. The answer is there if it was a success. */
export async function askApi({
  api,
  endpoint,
  resolvConf,
  request,
}: Question): Promise<{ readonly reach: Reach; readonly answer?: ApiAnswer }> {
  const url = new URL(endpoint);
  const address = await firstAddress(url.hostname, resolvConf);
  if (address === undefined) return { reach: { kind: 'unnamed' } };
  let answer: ApiAnswer;
  try {
    answer = await api.get({ timeoutMs: ANSWER_MS, ...request });
  } catch (error) {
    return { reach: await explain(url, address, error) };
  }
  const reach = reachOf(answer.status, request);
  return { reach, ...(answer.status === 200 ? { answer } : {}) };
}
