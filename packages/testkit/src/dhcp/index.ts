export { dnsmasq } from './dnsmasq-server.ts';
export { dnsmasq6 } from './dnsmasq6.ts';
export { iscDhcpd } from './isc-dhcpd.ts';
export { iscDhcpd6 } from './isc-dhcpd6.ts';
export { kea } from './kea.ts';
export { kea6 } from './kea6.ts';
export { npmDhcp } from './npm-dhcp.ts';
export { type Announcement, Radvd } from './radvd.ts';
export type { Reply, Rule } from './rules.ts';
export { startScripted } from './scripted.ts';
export {
  dhcpPeers,
  type DhcpServer,
  type DhcpSettings,
  type Feature,
  type Message,
} from './server.ts';
export type { Dhcp6Server, Dhcp6Settings, Message6Name } from './server6.ts';
export { systemdNetworkd } from './systemd-networkd.ts';
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
