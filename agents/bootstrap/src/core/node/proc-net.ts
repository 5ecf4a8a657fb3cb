/** Returns whether a socket has the UDP port; `table` is the text of the network namespace's /proc/net/udp. */
export function listensOnUdp(table: string, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').some((line) => line.trim().split(/\s+/)[1]?.endsWith(suffix) === true);
}
