export { ByteReader, DecodeError } from './byte-reader.ts';
export { ByteWriter } from './byte-writer.ts';
export { fromHex, toHex } from './hex.ts';
export { formatIpv4, parseIpv4 } from './ipv4.ts';
export { formatIpv6, parseIpv6 } from './ipv6.ts';
