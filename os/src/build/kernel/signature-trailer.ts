/** Trailer of a signed module (include/linux/module_signature.h): signature, 12-byte record, magic string. */
const MAGIC = Buffer.from('~Module signature appended~\n');
const RECORD = 12;

/**
 * A kernel module without the signature appended to it; any other file as it is. Why the image ships modules so: docs/decisions,
 * "module signatures".
 */
export function withoutSignature(module: Buffer): Buffer {
  const end = module.length - MAGIC.length;
  if (end < RECORD || !module.subarray(end).equals(MAGIC)) return module;
  const length = module.readUInt32BE(end - 4);
  return module.subarray(0, end - RECORD - length);
}
