export { dnsmasq } from './dnsmasq-server.ts';
export { iscDhcpd } from './isc-dhcpd.ts';
export { kea } from './kea.ts';
export { npmDhcp } from './npm-dhcp.ts';
export type { Reply, Rule } from './rules.ts';
export { startScripted } from './scripted.ts';
export {
  dhcpPeers,
  type DhcpServer,
  type DhcpSettings,
  type Feature,
  type Message,
} from './server.ts';
export { type Seen, Tap } from './tap.ts';
export { udhcpd } from './udhcpd.ts';
export {
  addressToHex,
  type DhcpPacket,
  hexToAddress,
  optionOf,
  readPcap,
  textToHex,
  typeName,
  u32ToHex,
} from './wire.ts';
