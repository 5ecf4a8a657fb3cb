import { guidBytes, namedGuid } from '../../build/formats/gpt.ts';

/** Returns an identifier that depends only on the image and on its use, as text and as disks store it. */
export const imageGuid = (use: string, sha256: string): { text: string; bytes: Buffer } => {
  const text = namedGuid(`${use}:${sha256}`);
  return { text, bytes: guidBytes(text) };
};
