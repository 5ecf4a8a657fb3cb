import { type NoCloudSeed, parseNoCloudSeed } from './nocloud.ts';
import { PROVIDER_NAMES, type ProviderName } from './provider.ts';

/** The words of the kernel's command line that say where documents come from. */
export interface CommandLine {
  /** `kios.provider=`, or cloud-init's `ds=nocloud`. */
  readonly provider: ProviderName | undefined;
  /** `kios.config=`: a document on a web server. */
  readonly configUrl: string | undefined;
  readonly seed: NoCloudSeed | undefined;
}

/** Parses the kernel's command line. The last word of a name counts; an unknown provider is ignored. */
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
