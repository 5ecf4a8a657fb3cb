import { readIfThere } from '@kios/agent';
import { BootState, HostState, isSane, readStateIfThere, Release, STATE } from '@kios/node-state';

/** Where the image's build time and the saved time are; a pod sees some of these files. */
export interface FloorFiles {
  readonly host: string;
  readonly boot: string;
  readonly release: string;
  readonly saved?: string;
}

export const FLOOR_FILES: FloorFiles = {
  host: STATE.host,
  boot: STATE.boot,
  release: STATE.release,
  saved: STATE.savedTime,
};

/** The floor when nothing says when the image was built: no image is older than this source. */
const OLDEST_IMAGE = Date.parse('2026-01-01T00:00:00Z');

async function readBuilt({ host, boot, release }: FloorFiles): Promise<number> {
  const found = [
    await readStateIfThere(HostState, host).catch(() => undefined),
    await readStateIfThere(BootState, boot).catch(() => undefined),
    await readStateIfThere(Release, release).catch(() => undefined),
  ];
  const times = found.map((each) => Date.parse(each?.buildTime ?? ''));
  return times.find((time) => !Number.isNaN(time)) ?? OLDEST_IMAGE;
}

/**
 * Returns the time, in milliseconds, before which the clock is certainly wrong: when the image was built, or the newest
 * time at which an earlier boot's clock was synced. A saved time that cannot be right for the image is ignored.
 */
export async function readFloor(files: FloorFiles = FLOOR_FILES): Promise<number> {
  const built = await readBuilt(files);
  if (files.saved === undefined) return built;
  const saved = Date.parse(((await readIfThere(files.saved).catch(() => '')) ?? '').trim());
  return isSane(saved, built) ? saved : built;
}
