import * as v from 'valibot';

import type { Metadata } from '../../core/providers/provider.ts';

const text = v.optional(v.string());

/** A metadata service's description of this machine, without its user data. */
export const MachineFacts = v.object({
  instanceId: text,
  uuid: text,
  /** The source of the id had a fault, and no earlier run knew it. */
  isIdUnread: v.optional(v.boolean()),
  instanceType: text,
  region: text,
  zone: text,
  providerID: text,
  hostname: text,
  externalIPs: v.optional(v.array(v.string()), []),
  spot: v.optional(v.boolean(), false),
  tags: v.optional(v.record(v.string(), v.string()), {}),
});
export type MachineFacts = v.InferOutput<typeof MachineFacts>;
export const NO_FACTS: MachineFacts = { externalIPs: [], spot: false, tags: {} };

export function machineFactsOf({
  userData: _bytes,
  metaFault: _fault,
  externalIPs,
  tags,
  ...rest
}: Metadata): MachineFacts {
  return { ...NO_FACTS, ...rest, externalIPs: [...(externalIPs ?? [])], tags: { ...tags } };
}
