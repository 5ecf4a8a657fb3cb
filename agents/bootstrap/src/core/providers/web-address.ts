import { sha256 } from '../document/sha256.ts';
import { BootstrapError } from '../faults/errors.ts';
import { Keys, MetadataError, type Provider } from './provider.ts';

/** The address of a document on a web server. */
export interface WebAddress {
  readonly origin: string;
  readonly path: string;
  /** Begins with `?`, or is empty. It may hold a secret, as the headers may, so both are shown nowhere. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the document, in hexadecimal. */
  readonly hash: string | undefined;
}

const HASH = /^#sha256=([0-9a-f]{64})$/i;

/** Returns `user:password` of an address as HTTP has it. Throws when its percent signs are wrong. */
function credentials({ username, password }: URL): WebAddress['headers'] {
  if (`${username}${password}` === '') return {};
  const bytes = new TextEncoder().encode(decodeURIComponent(`${username}:${password}`));
  return { authorization: `Basic ${btoa(String.fromCodePoint(...bytes))}` };
}

function parseUrl(text: string): (Pick<WebAddress, 'headers'> & { readonly url: URL }) | undefined {
  try {
    const url = new URL(text);
    return { url, headers: credentials(url) };
  } catch {
    return undefined;
  }
}

/**
 * Parses the address after `word` on the kernel's command line. Over plain http anybody on the way could replace the
 * document, so its hash must be there too; a host that `isNear` knows is not reached over anybody.
 */
export function parseWebAddress(
  word: string,
  text: string,
  isNear: (host: string) => boolean = () => false,
): WebAddress {
  const bad = (why: string): BootstrapError =>
    new BootstrapError('KIOS_BOOTSTRAP_URL', `use the address of ${word}: ${why}`);
  const parsed = parseUrl(text);
  if (parsed === undefined) throw bad('it is not a URL');
  const { url, headers } = parsed;
  const hash = HASH.exec(url.hash)?.[1]?.toLowerCase();
  const isSafe = url.protocol === 'https:' || isNear(url.hostname);
  if (hash === undefined && url.hash !== '') throw bad('after # must be sha256= and its 64 digits');
  if (hash === undefined && !isSafe) throw bad('over plain http it needs #sha256= at its end');
  return { origin: url.origin, path: url.pathname, query: url.search, headers, hash };
}

/** Refuses documents that are not those whose hash the address has; they may be a captive portal's. */
export async function checkHash(
  { hash, path }: WebAddress,
  ...documents: readonly (Uint8Array<ArrayBuffer> | undefined)[]
): Promise<void> {
  if (hash === undefined) return;
  const parts = documents.filter((bytes) => bytes !== undefined);
  if ((await sha256(await new Blob(parts).arrayBuffer())) !== hash)
    throw new MetadataError(`${path}: the reply is not the one that #sha256= names`);
}

/** Returns a provider for one document on a web server, read by the rules of the metadata services. */
export const webProvider = (address: WebAddress): Provider => ({
  name: 'file',
  bases: [address.origin],
  async read(exchange) {
    const { path, query, headers } = address;
    const userData = await new Keys(exchange, headers).bytes(`${path}${query}`);
    await checkHash(address, userData);
    return { userData };
  },
});
