/** Returns the hardware address that the kernel knows for `address` (`/proc/net/arp`); '' when nobody replied. */
export function neighbourIn(arp: string, address: string, link: string): string | undefined {
  for (const row of arp.split('\n').slice(1)) {
    const [ip, , flags, mac = '', , device] = row.trim().split(/\s+/);
    if (ip !== address || device !== link) continue;
    // ATF_COM: the kernel has a reply that still counts, or is asking again (linux/if_arp.h).
    return (Number.parseInt(flags ?? '0', 16) & 2) === 0 ? '' : mac;
  }
  return undefined;
}

/** Returns the value of a row `name value`, as in `memory.events`; 0 without one. */
export function rowOf(text: string, name: string): number {
  const [, value] = new RegExp(String.raw`^${name} (\d+)$`, 'm').exec(text) ?? [];
  return Number(value ?? 0);
}

/** Adds up the counters of these events in Prometheus' text. */
export function eventsIn(metrics: string, events: readonly string[]): number {
  const rows = metrics.matchAll(/^kios_dhcp_events_total\{[^}]*event="([^"]+)"\} (\d+)$/gm);
  return [...rows].reduce(
    (sum, [, event = '', n]) => (events.includes(event) ? sum + Number(n) : sum),
    0,
  );
}

/** The file system at a mount point. */
export interface Mount {
  readonly device: string;
  readonly type: string;
  /** The file system itself is read-only, and not this mount of it alone. */
  readonly isReadOnly: boolean;
}

const unescape = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCodePoint(Number.parseInt(code, 8)),
  );

/** Returns the newest mount at a place (`/proc/self/mountinfo`, proc(5)). */
export function mountAt(mountinfo: string, place: string): Mount | undefined {
  const row = mountinfo
    .split('\n')
    .findLast((each) => unescape(each.split(' ')[4] ?? '') === place);
  const [, behind] = row?.split(' - ') ?? [];
  const [type, device, options] = behind?.split(' ') ?? [];
  if (type === undefined || device === undefined || options === undefined) return undefined;
  return { type, device: unescape(device), isReadOnly: options.split(',').includes('ro') };
}
