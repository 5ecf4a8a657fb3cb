import type { PodsConfig } from '@kios/network-config';

/** Sorts before the node's own network and after those of clusters, beside which it is only for attachments. */
export const LAN_CONFLIST = '98-kios-lan.conflist';

/**
 * Pods with addresses of the host's own segment. Bridged frames do not pass the host's filter for packets, which would
 * translate and track what only crosses the bridge. A port of the host leads to the pod in the host's name (`masqAll`):
 * the pod's router is another machine, so that a reply to the client itself would not come back through the host. The
 * pod's IPv6 address is of its own making (`slaac`), and in no result.
 */
export const formatLan = ({ lan, services }: PodsConfig): string =>
  `${JSON.stringify(
    {
      cniVersion: '1.0.0',
      name: 'kios-lan',
      plugins: [
        { type: 'kios-lan', bridge: lan, serviceCIDRs: services, bridgeNetfilter: false },
        { type: 'portmap', capabilities: { portMappings: true }, masqAll: true, slaac: true },
      ],
    },
    undefined,
    2,
  )}\n`;
