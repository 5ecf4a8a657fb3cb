const BITS = { NET_BIND_SERVICE: 10, NET_ADMIN: 12, NET_RAW: 13 } as const;

export type Capability = keyof typeof BITS;

/** Returns the needed capabilities that the `CapEff` line of /proc/self/status lacks. */
export function missingCapabilities(status: string, needed: readonly Capability[]): Capability[] {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  const effective = BigInt(`0x${hex}`);
  return needed.filter((name) => ((effective >> BigInt(BITS[name])) & 1n) === 0n);
}
