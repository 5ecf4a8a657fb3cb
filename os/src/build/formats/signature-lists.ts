import { EXIT, KiosError } from '@kios/errors';

/**
 * A signed write of a Secure Boot variable, as firmware and systemd-boot take it from a `.auth` file: a time stamp, the
 * signature, and lists of what the variable is to have (UEFI specification 2.10, sections 8.2.2 and 32.4.1).
 */
const TIME = 16;
/** Length, revision, type and kind of the signature. */
const SIGNATURE_HEADER = 24;
const GUID = 16;
const LIST_HEADER = GUID + 12;
/** EFI_CERT_X509_GUID, as it lies in memory. */
const X509 = Buffer.from('a159c0a5e494a74a87b5ab155c2bf072', 'hex');

const unreadable = (why: string): KiosError =>
  new KiosError('KIOS_KEYS_FILE', `read a signed list of keys: ${why}`, {
    exitCode: EXIT.data,
    remedy: 'Make the keys again: ./kios keys create FOLDER.',
  });

/** Returns the lists in a file, behind their signature. */
export function listsIn(file: Buffer): Buffer {
  if (file.length < TIME + SIGNATURE_HEADER) throw unreadable('it is cut short');
  const end = TIME + file.readUInt32LE(TIME);
  if (end < TIME + SIGNATURE_HEADER || end > file.length) throw unreadable('it is cut short');
  return file.subarray(end);
}

interface Signature {
  readonly isCertificate: boolean;
  readonly data: Buffer;
}

/** Returns what one list has, each with its owner before it. */
function signaturesOf(list: Buffer): Signature[] {
  const [headerBytes, size] = [list.readUInt32LE(GUID + 4), list.readUInt32LE(GUID + 8)];
  const start = LIST_HEADER + headerBytes;
  if (size <= GUID || start > list.length || (list.length - start) % size !== 0)
    throw unreadable('a list has a wrong length');
  const isCertificate = list.subarray(0, GUID).equals(X509);
  return Array.from({ length: (list.length - start) / size }, (_, index) => {
    const at = start + index * size;
    return { isCertificate, data: list.subarray(at + GUID, at + size) };
  });
}

/** Returns the certificates in lists, in DER form. Hashes and other kinds of signatures are left out. */
export function certificatesIn(lists: Buffer): Buffer[] {
  const found: Signature[] = [];
  for (let at = 0; at < lists.length;) {
    const bytes = at + LIST_HEADER > lists.length ? 0 : lists.readUInt32LE(at + GUID);
    if (bytes < LIST_HEADER || at + bytes > lists.length) throw unreadable('a list is cut short');
    found.push(...signaturesOf(lists.subarray(at, at + bytes)));
    at += bytes;
  }
  return found.filter(({ isCertificate }) => isCertificate).map(({ data }) => data);
}
