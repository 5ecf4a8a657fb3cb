import { type Trial, trialOf } from '../core/files/trial.ts';
import type { Settings } from '../core/settings/settings.ts';
import { bootSeconds, readBoot, readBootId, readKubelet } from '../edge/node/host.ts';
import { readJoinState } from '../edge/node/node.ts';

/** Reads how the configuration on trial does. */
export async function readTrial(settings: Settings): Promise<Trial> {
  return trialOf({
    state: await readJoinState(settings),
    boot: await readBoot(settings),
    kubelet: await readKubelet(settings),
    bootId: await readBootId(settings),
    up: await bootSeconds(),
  });
}
