const AF_NETLINK = 16;

/** Returns a `struct sockaddr_nl`: the id of a socket and the mask of its groups. */
export function netlinkAddress(pid: number, groups: number): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16LE(AF_NETLINK, 0);
  bytes.writeUInt32LE(pid, 4);
  bytes.writeUInt32LE(groups, 8);
  return bytes;
}
