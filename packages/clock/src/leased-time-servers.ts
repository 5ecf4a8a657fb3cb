import { readLeases, readLeases6 } from '@kios/node-state';

/** Returns the time servers that the leases in a folder name; those of IPv4 come first. */
export async function leasedTimeServers(netDir: string): Promise<readonly string[]> {
  const [ipv4, ipv6] = [await readLeases(netDir), await readLeases6(netDir)];
  return [...ipv4.leases, ...ipv6.leases].flatMap(({ ntp }) => ntp);
}
