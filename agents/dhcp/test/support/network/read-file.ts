import { type Link, readNetworkConfig } from '@kios/network-config';

/** Reads the links of a file without faults; `ethernets` is a map in YAML's flow form. */
export function readLinks(ethernets: string): readonly Link[] {
  const reading = readNetworkConfig(`{ network: { version: 2, ethernets: ${ethernets} } }`);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return reading.config.links;
}
