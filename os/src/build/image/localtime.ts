/**
 * Returns the time zone file of UTC (RFC 9636), 114 bytes. A host without /etc/localtime is at UTC too, but pods mount
 * the file.
 */
export function coordinatedTime(): Buffer {
  // Three counts of zero, no transitions, one type of local time, four characters of designations (section 3.1).
  const counts = Buffer.alloc(24);
  counts.writeUInt32BE(1, 16);
  counts.writeUInt32BE(4, 20);
  const type = Buffer.alloc(6); // no offset, no daylight saving, the first designation
  const header = Buffer.concat([Buffer.from('TZif2'), Buffer.alloc(15)]);
  // The first block is for readers of 32 bits; without transitions the second is equal.
  const block = Buffer.concat([header, counts, type, Buffer.from('UTC\0')]);
  return Buffer.concat([block, block, Buffer.from('\nUTC0\n')]);
}
