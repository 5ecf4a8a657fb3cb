import { connect, type ConnectionOptions, type PeerCertificate } from 'node:tls';

/** Only words for people depend on it. */
const SHOWN_MS = 3000;
/** What a foreign server says of itself must not fill a line. */
const LONGEST = 120;

const short = (text: string): string =>
  text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;

/** The parts of a certificate that say whose it is; a runtime may leave out any. */
type Shown = Partial<
  Pick<PeerCertificate, 'subject' | 'issuer' | 'subjectaltname' | 'valid_from' | 'valid_to'>
>;

const nameOf = (name: Shown['subject']): string =>
  short([name?.CN ?? name?.O ?? 'nobody'].flat().join(' '));

const dateOf = (text: string): string => {
  const time = Date.parse(text);
  return Number.isNaN(time) ? short(text) : new Date(time).toISOString();
};

/** Returns a certificate in words; undefined when there is none. */
export function describeShown(shown: Shown): string | undefined {
  if (shown.subject === undefined && shown.issuer === undefined) return undefined;
  const names = shown.subjectaltname?.replaceAll(/\b(?:DNS|IP Address):/g, '');
  const parts = [
    `it is that of ${nameOf(shown.subject)}, signed by ${nameOf(shown.issuer)}`,
    names === undefined || names === '' ? undefined : `for ${short(names)}`,
    shown.valid_from === undefined || shown.valid_to === undefined
      ? undefined
      : `valid from ${dateOf(shown.valid_from)} to ${dateOf(shown.valid_to)}`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/**
 * Returns what the certificate says that a server shows, whoever signed it: the error of a verification names neither
 * its owner nor its signer. Nothing is sent over the connection. Undefined when there is none in time.
 */
export async function readShown(
  server: ConnectionOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const until = AbortSignal.any([signal, AbortSignal.timeout(SHOWN_MS)]);
  const end = (): void => resolve(undefined);
  const socket = connect({ ...server, rejectUnauthorized: false });
  socket.on('secureConnect', () => resolve(describeShown(socket.getPeerCertificate())));
  socket.on('error', end);
  socket.on('close', end);
  until.addEventListener('abort', end);
  try {
    return await promise;
  } finally {
    until.removeEventListener('abort', end);
    socket.destroy();
  }
}
