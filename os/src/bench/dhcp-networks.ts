import { type Netns, startDnsmasq, Wire } from '@kios/testkit';

/** A network that clients get an address in: `eth0` at their end, a server at the other. */
export interface DhcpNetwork {
  readonly open: () => Promise<Wire>;
  /** The line of an added address in the output of `ip monitor`; a deleted one has `Deleted` before the number. */
  readonly added: RegExp;
  /** Removes what a client added. */
  readonly clean: (client: Netns) => Promise<unknown>;
}

const SERVER = '10.77.0.1';
/** Large enough for clients that use a new identifier each time. */
const RANGE = '10.77.0.10,10.77.0.250,255.255.255.0,2m';

export const IPV4: DhcpNetwork = {
  open: async () => {
    const wire = await Wire.open(`${SERVER}/24`);
    // The kernel's own IPv6 packets would be counted too.
    await wire.client.exec('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    await wire.client.exec('ip', 'link', 'set', 'eth0', 'up');
    await startDnsmasq(wire.server, { interface: 'srv0', range: RANGE, rapidCommit: true });
    return wire;
  },
  added: /^\[[^\]]+\] ?\d+: .*inet 10\.77\.0\./,
  clean: (client) => client.exec('ip', 'address', 'flush', 'dev', 'eth0'),
};

const NETWORK6 = '2001:db8:77:';
const RANGE6 = `${NETWORK6}:1000,${NETWORK6}:1fff,64,2m`;

/** The link is up and has heard its router before a client starts, so that no client pays for the kernel's work. */
export const IPV6: DhcpNetwork = {
  open: async () => {
    const wire = await Wire.open(`${NETWORK6}:1/64`);
    const { client, server } = wire;
    const options = { interface: 'srv0', range: RANGE6, rapidCommit: true, authoritative: true };
    await startDnsmasq(server, { ...options, extra: ['--enable-ra'] });
    await client.exec('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=2');
    const routed = client.start('ip', ['-6', 'monitor', 'route']);
    await client.exec('ip', 'link', 'set', 'eth0', 'up');
    await routed.expect('default via');
    await routed.stop();
    return wire;
  },
  added: new RegExp(`^\\[[^\\]]+\\] ?\\d+: .*inet6 ${NETWORK6}:1[0-9a-f]{3}/`),
  clean: (client) => client.exec('ip', '-6', 'address', 'flush', 'dev', 'eth0', 'scope', 'global'),
};
