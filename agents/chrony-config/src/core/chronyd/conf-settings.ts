import type { SourcePlan } from '../sources/plan-sources.ts';
import type { TimeConfig } from '../sources/time-config.ts';
import type { ConfSettings } from './chrony-conf.ts';

/** What `time.yaml` adds to chrony.conf, once its files have been read. */
export interface SettingsParts extends Pick<ConfSettings, 'keys' | 'extra'> {
  readonly config: Pick<TimeConfig, 'ntsBootstrap'>;
}

/** Returns what the sources and `time.yaml` add to chrony.conf. */
export const confSettings = (
  { config, keys, extra }: SettingsParts,
  { refclock, hasNts }: Pick<SourcePlan, 'refclock' | 'hasNts'>,
): ConfSettings => ({
  refclock,
  keys,
  extra,
  ignoresCertificateTimes: config.ntsBootstrap && hasNts,
});
