import { bytes, duration, flag, listOf, u16, u8 } from '../../wire/codec.ts';
import { domainList } from '../../wire/domain-list.ts';
import { address6, fqdn, opaqueList, status, timeServers, vendorClass } from './codec.ts';
import { iaNa } from './identity-association.ts';

/** Every option with its name, code, wire form and TypeScript type: the only place where they are declared. */
export const OPTIONS6 = {
  clientId: { code: 1, codec: bytes },
  serverId: { code: 2, codec: bytes },
  iaNa: { code: 3, codec: iaNa },
  /** Codes that the client asks for. */
  optionRequest: { code: 6, codec: listOf(u16) },
  preference: { code: 7, codec: u8 },
  /** Hundredths of a second since the exchange began. */
  elapsedTime: { code: 8, codec: u16 },
  statusCode: { code: 13, codec: status },
  rapidCommit: { code: 14, codec: flag },
  userClass: { code: 15, codec: opaqueList },
  vendorClass: { code: 16, codec: vendorClass },
  reconfigureAccept: { code: 20, codec: flag },
  dnsServers: { code: 23, codec: listOf(address6) },
  searchList: { code: 24, codec: domainList },
  sntpServers: { code: 31, codec: listOf(address6) },
  informationRefreshTime: { code: 32, codec: duration },
  fqdn: { code: 39, codec: fqdn },
  ntpServers: { code: 56, codec: timeServers },
  solMaxRt: { code: 82, codec: duration },
  infMaxRt: { code: 83, codec: duration },
} as const;
