import * as v from 'valibot';

/** `host/host.json`: the node's name and what init knows of the machine, for pods that do not see `/etc`. */
export const HostState = v.object({
  v: v.literal(1),
  /** The kernel's host name, of at most 63 characters. */
  hostname: v.string(),
  /**
   * Where the name comes from. `file`: someone chose it, in `/etc/hostname`. `machine`: init derived it from a fact of
   * the machine and derives it again at each boot. `random`: the machine has no such fact.
   */
  hostnameSource: v.picklist(['file', 'machine', 'random']),
  /** SHA-256 of the machine's own facts (SMBIOS UUID, serial number), in hexadecimal. Absent where it has none. */
  machine: v.optional(v.string()),
  /** The image's version and build time (RFC 3339). */
  version: v.string(),
  buildTime: v.string(),
  data: v.picklist(['partition', 'ram']),
  /** Why state is in RAM: `none` is no data partition, `failed` is one that cannot be used. Absent otherwise. */
  dataReason: v.optional(v.picklist(['none', 'failed'])),
});
export type HostState = v.InferOutput<typeof HostState>;
