import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import * as v from 'valibot';

import type { Part } from '../../core/document/parsed-document.ts';
import { NodeBootstrap } from '../../core/document/schema.ts';
import { type Metadata, PROVIDER_NAMES } from '../../core/providers/provider.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { readIfThere } from '../files/transaction.ts';
import type { Platform } from './platform.ts';

const text = v.optional(v.string());

/** What a metadata service said of this machine, without its user data. */
const Facts = v.object({
  instanceId: text,
  instanceType: text,
  region: text,
  zone: text,
  providerID: text,
  hostname: text,
  externalIPs: v.optional(v.array(v.string()), []),
  spot: v.optional(v.boolean(), false),
  tags: v.optional(v.record(v.string(), v.string()), {}),
});
export type Facts = v.InferOutput<typeof Facts>;
export const NO_FACTS: Facts = { externalIPs: [], spot: false, tags: {} };

export function factsOf({ userData: _bytes, externalIPs, tags, ...rest }: Metadata): Facts {
  return { ...NO_FACTS, ...rest, externalIPs: [...(externalIPs ?? [])], tags: { ...tags } };
}

/** What came over the network. */
export interface Remote {
  readonly facts: Facts;
  readonly userData: Part | undefined;
  readonly config: Part | undefined;
}

const KeptPart = v.object({ source: v.string(), kind: v.string(), document: NodeBootstrap });

/** The same without its secrets, so that the next boot needs no network. */
const Kept = v.object({
  v: v.literal(1),
  provider: v.picklist(PROVIDER_NAMES),
  configUrl: text,
  /** A copied disk is another machine, which must ask for itself. */
  machine: v.string(),
  facts: Facts,
  userData: v.optional(KeptPart),
  config: v.optional(KeptPart),
});

const fileOf = (settings: Settings): string => path.join(settings.stateDir, 'fetched.json');

/** Secrets are used once; what names a program only is none. */
function withoutSecrets(part: Part | undefined): v.InferOutput<typeof KeptPart> | undefined {
  if (part === undefined) return undefined;
  const { source, kind, document } = part;
  const { auth, ...rest } = document;
  const isOpen = auth?.awsIamAuthenticator !== undefined || auth?.exec !== undefined;
  return { source, kind, document: isOpen ? document : rest };
}

const asPart = (kept: v.InferOutput<typeof KeptPart> | undefined): Part | undefined =>
  kept && { ...kept, warnings: [] };

/** What this machine was told before, by the same provider; one that does not parse is none, and the network is asked again. */
export async function readKept(
  settings: Settings,
  platform: Platform,
): Promise<Remote | undefined> {
  const content = await readIfThere(fileOf(settings));
  if (content === undefined) return undefined;
  try {
    const kept = v.parse(Kept, JSON.parse(content));
    const isOurs =
      kept.machine === platform.machine &&
      kept.provider === platform.provider &&
      kept.configUrl === platform.configUrl;
    return isOurs
      ? { facts: kept.facts, userData: asPart(kept.userData), config: asPart(kept.config) }
      : undefined;
  } catch {
    return undefined;
  }
}

export async function keep(settings: Settings, platform: Platform, remote: Remote): Promise<void> {
  const kept: v.InferInput<typeof Kept> = {
    v: 1,
    provider: platform.provider,
    configUrl: platform.configUrl,
    machine: platform.machine,
    facts: remote.facts,
    userData: withoutSecrets(remote.userData),
    config: withoutSecrets(remote.config),
  };
  await writeAtomic(fileOf(settings), `${JSON.stringify(kept)}\n`, 0o600);
}
