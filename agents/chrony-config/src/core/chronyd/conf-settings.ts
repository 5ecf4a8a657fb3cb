import type { SourcePlan } from '../sources/plan-sources.ts';
import type { TimeConfig } from '../sources/time-config.ts';
import type { ConfSettings } from './chrony-conf.ts';

/** What `time.yaml` adds to chrony.conf, once its files have been read. */
export interface SettingsParts extends Pick<ConfSettings, 'keys' | 'extra'> {
  readonly config: Pick<TimeConfig, 'ntsBootstrap'>;
}

/**
 * Returns what the sources and `time.yaml` add to chrony.conf. The dates of certificates count as soon as the kernel's
 * clock has followed a source in this boot: a chronyd that starts again needs no second leap of faith.
 */
export function confSettings(
  { config, keys, extra }: SettingsParts,
  { refclock, hasNts }: Pick<SourcePlan, 'refclock' | 'hasNts'>,
  isSynchronised: boolean,
): ConfSettings {
  const ignoresCertificateTimes = config.ntsBootstrap && hasNts && !isSynchronised;
  return { refclock, keys, extra, ignoresCertificateTimes };
}
