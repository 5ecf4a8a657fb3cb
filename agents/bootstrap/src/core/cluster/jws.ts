import * as v from 'valibot';

const Header = v.strictObject({ alg: v.literal('HS256'), kid: v.string() });

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

/** Splits `id.secret`, whose form the document's schema has checked. */
export function splitToken(token: string): BootstrapToken {
  return { id: token.slice(0, 6), secret: token.slice(7) };
}

function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return undefined;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (char) => char.codePointAt(0) ?? 0);
}

function encodeBase64Url(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCodePoint(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function headerFault(encoded: string, token: BootstrapToken): string | undefined {
  const bytes = decodeBase64Url(encoded);
  if (bytes === undefined) return 'its header is not base64url';
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return 'its header is not JSON';
  }
  const parsed = v.safeParse(Header, header);
  if (!parsed.success) return 'its header is not exactly {"alg":"HS256","kid":…}';
  return parsed.output.kid === token.id ? undefined : 'it is signed for another token';
}

/**
 * Checks the detached JWS (RFC 7515 appendix F) that the control plane's bootstrap signer adds to the cluster
 * information. Returns its fault, or undefined: then the author of `content` knows the token's secret.
 */
export async function jwsFault(
  detached: string,
  content: string,
  token: BootstrapToken,
): Promise<string | undefined> {
  const [header, payload, signature, ...rest] = detached.split('.');
  if (header === undefined || signature === undefined || payload !== '' || rest.length > 0)
    return 'it is not a detached signature';
  const fault = headerFault(header, token);
  if (fault !== undefined) return fault;
  const mac = decodeBase64Url(signature);
  if (mac === undefined || mac.length !== 32) return 'its signature is not 32 bytes of base64url';
  const utf8 = new TextEncoder();
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const secret = utf8.encode(token.secret);
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['verify']);
  const signed = utf8.encode(`${header}.${encodeBase64Url(utf8.encode(content))}`);
  // subtle.verify compares in constant time.
  const good = await crypto.subtle.verify('HMAC', key, mac, signed);
  return good ? undefined : 'its signature does not match';
}
