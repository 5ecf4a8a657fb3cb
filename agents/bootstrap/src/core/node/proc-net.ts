/** Whether somebody in this network namespace has the UDP port; `table` is the text of /proc/net/udp. */
export function listensOnUdp(table: string, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').some((line) => line.trim().split(/\s+/)[1]?.endsWith(suffix) === true);
}
