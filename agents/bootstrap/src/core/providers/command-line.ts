import { type NoCloudSeed, parseNoCloudSeed } from './nocloud.ts';
import { PROVIDER_NAMES, type ProviderName } from './provider.ts';

/** What the kernel's command line says of where to look. */
export interface CommandLine {
  /** `kios.provider=`, or cloud-init's `ds=nocloud`. */
  readonly provider: ProviderName | undefined;
  /** `kios.config=`: a document on a web server. */
  readonly configUrl: string | undefined;
  readonly seed: NoCloudSeed | undefined;
}

/** The last word counts; a provider nobody knows is no word at all. */
export function parseCommandLine(text: string): CommandLine {
  const words = text.trim().split(/\s+/);
  const last = (name: string): string | undefined =>
    words.findLast((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const named = last('kios.provider');
  const seed = parseNoCloudSeed(text.trim());
  const known = PROVIDER_NAMES.find((provider) => provider === named);
  const url = last('kios.config');
  return {
    provider: known ?? (seed === undefined ? undefined : 'nocloud'),
    configUrl: url !== undefined && /^https?:\/\//.test(url) ? url : undefined,
    seed,
  };
}
