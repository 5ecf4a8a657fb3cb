interface Deviation {
  readonly what: string;
  readonly rfc: string;
  readonly why: string;
  /** The behaviour under `--strict-rfc`. */
  readonly strict: string;
}

/** The points where the client knowingly leaves the RFCs. `--strict-rfc` turns all of them off. */
export const DEVIATIONS: readonly Deviation[] = [
  {
    what: 'no random wait before the first DISCOVER',
    rfc: 'RFC 2131 §4.4.1',
    why: 'every second before the first address is a second of boot',
    strict: '1 to 10 s',
  },
  {
    what: 'the first DISCOVERs and REQUESTs on a link up for less than a minute go out at 0, 1 and 3 s',
    rfc: 'RFC 2131 §4.1',
    why: 'switch ports and virtual peers that have just come up lose the first frames',
    strict: '0, 4, 12 s and so on',
  },
  {
    what: 'INIT-REBOOT is given up after 5 s',
    rfc: 'RFC 2131 §4.4.2',
    why: 'a boot must not hang on a server that does not know the address',
    strict: 'two requests, 4 and 8 s',
  },
  {
    what: 'an address is used while it is probed for during one second, and given back on conflict',
    rfc: 'RFC 5227 §2.1, RFC 2131 §4.4.1',
    why: 'probing first takes 4 to 7 s of every boot',
    strict: '--arp=full: probed for before it is used',
  },
  {
    what: 'an expired lease is kept until a server grants another or another host has its address',
    rfc: 'RFC 2131 §4.4.5',
    why: 'a node without its only address cannot be reached to be repaired',
    strict: '--on-expire=drop',
  },
  {
    what: 'a lease of less than 60 s is used for 60 s, and no lease is renewed within its first 30 s',
    rfc: 'RFC 2131 §4.4.5',
    why: 'a server with a wrong unit, or a hostile one, could have the node ask and write every second',
    strict: '--min-lease=0: every time is taken as it is',
  },
  {
    what: 'claims of our address by the DHCP server, the gateway and routers that reply for every address are no conflict',
    rfc: 'RFC 5227 §2.1.1',
    why: 'clouds and private VLANs reply to every ARP request with one hardware address',
    strict: 'every claim by another machine is a conflict',
  },
  {
    what: 'with --fallback-lease a lease without a time is taken for that long',
    rfc: 'RFC 2131 §4.3.1, table 3',
    why: 'some small servers never send the time, and refuse nobody who renews',
    strict: '--fallback-lease=0: such a lease is refused',
  },
  {
    what: 'a silent server is asked for less with each step, at last without the client identifier',
    rfc: 'RFC 2131 §4.4.1',
    why: 'some servers ignore clients that ask for an option they do not support (Azure: 26)',
    strict: 'all messages are alike',
  },
  {
    what: 'the address that --ipv4ll-metadata gives a link is not probed for',
    rfc: 'RFC 3927 §2.2',
    why: 'it serves the metadata service alone, which a cloud puts on a wire without neighbours',
    strict: 'no such address',
  },
];
