const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A PEM text that is not only certificates. The message never holds the text: it may be a key. */
export class PemError extends Error {}

function unwrap(text: string): string {
  if (text.includes('-----BEGIN')) return text;
  const packed = text.replaceAll(/\s+/g, '');
  if (packed.length % 4 !== 0 || !BASE64.test(packed)) throw new PemError('is not PEM');
  return atob(packed);
}

const wrap = (base64: string): string =>
  `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;

/** The certificates in PEM text, or in base64 of such text, each in one normal form. Anything but certificates is refused. */
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
