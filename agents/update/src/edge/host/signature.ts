import { createHash, verify, X509Certificate } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

import { HEAD_BYTES } from '../../core/image/pe.ts';
import { type Crypto, type Part, signatureFault, signedParts } from '../../core/signature/judge.ts';

const CHUNK = 1024 * 1024;
/** Two signatures with the certificates of their authorities have a tenth of this. */
const TABLE_BYTES = 256 * 1024;

const crypto: Crypto = {
  sha256: (bytes) => createHash('sha256').update(bytes).digest(),
  hasSigned: (certificate, bytes, signature) => {
    try {
      const { publicKey } = new X509Certificate(certificate);
      return publicKey.asymmetricKeyType === 'rsa' && verify('sha256', bytes, publicKey, signature);
    } catch {
      return false;
    }
  },
};

async function* chunksOf(
  handle: FileHandle,
  { start, end }: Part,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(Math.min(CHUNK, Math.max(0, end - start)));
  for (let at = start; at < end;) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/**
 * Says why firmware with Secure Boot would not start a file; undefined when it would. `trusted` are SHA-256s of the
 * certificates that it knows.
 */
export async function readSignatureFault(
  file: string,
  trusted: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const handle = await open(file, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    const signed = signedParts(head.subarray(0, bytesRead));
    if (typeof signed === 'string') return signed;
    const { hashed, table } = signed;
    if (table.end - table.start > TABLE_BYTES) return 'its signature is too long';
    const hash = createHash('sha256');
    for (const part of hashed)
      for await (const chunk of chunksOf(handle, part, signal)) hash.update(chunk);
    const bytes: Buffer[] = [];
    for await (const chunk of chunksOf(handle, table, signal)) bytes.push(Buffer.from(chunk));
    return signatureFault(Buffer.concat(bytes), hash.digest(), trusted, crypto);
  } finally {
    await handle.close();
  }
}
