const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A PEM text that holds more than certificates, or none. The message never quotes the text, which may be a key. */
export class PemError extends Error {}

function unwrap(text: string): string {
  if (text.includes('-----BEGIN')) return text;
  const packed = text.replaceAll(/\s+/g, '');
  if (packed.length % 4 !== 0 || !BASE64.test(packed)) throw new PemError('is not PEM');
  return atob(packed);
}

const wrap = (base64: string): string =>
  `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;

/** Returns the certificates of PEM text, or of its base64, each in one normal form. Refuses any other block. */
export function parseCertificates(text: string): readonly string[] {
  const blocks = [...unwrap(text).matchAll(BLOCK)];
  if (blocks.length === 0) throw new PemError('holds no PEM block');
  return blocks.map(([, type, body]) => {
    if (type?.includes('PRIVATE KEY') === true)
      throw new PemError('holds a private key; give certificates only, and replace that key');
    if (type !== 'CERTIFICATE') throw new PemError('holds a PEM block that is not a certificate');
    const base64 = (body ?? '').replaceAll(/\s+/g, '');
    if (base64.length % 4 !== 0 || !BASE64.test(base64))
      throw new PemError('holds a certificate that is not base64');
    return wrap(base64);
  });
}
