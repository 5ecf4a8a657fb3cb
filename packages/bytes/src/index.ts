export { ByteReader, DecodeError } from './byte-reader.ts';
export { ByteWriter } from './byte-writer.ts';
export { fromHex, toHex } from './hex.ts';
export { formatIpv4, parseIpv4 } from './ipv4.ts';
