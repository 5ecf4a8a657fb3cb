import { expect, it } from 'vitest';

import type { Chronyd } from '../../src/edge/chronyd/chronyd.ts';

/** A chronyd that may not set the clock, and whose sources nobody serves. */
export interface Stand {
  readonly chronyd: Chronyd;
  /** Writes the addresses into the files that chronyd reads. */
  setSources(addresses: readonly string[]): Promise<void>;
}

const REFUSED = { code: 'KIOS_CHRONYD_REFUSED' };

/** What the agent relies on, of a real chronyd and of the one that stands in for it. */
export function keepsContract(open: () => Promise<Stand>): void {
  const { signal } = new AbortController();
  const sources = ['192.0.2.1', '2001:db8::9'];
  const known = async ({ chronyd }: Stand): Promise<readonly (string | undefined)[]> =>
    (await chronyd.measurements(signal)).map(({ source }) => source);

  it('follows nothing without sources', async () => {
    const { chronyd } = await open();
    expect((await chronyd.tracking(signal)).source).toBeUndefined();
    expect(await chronyd.measurements(signal)).toEqual([]);
  });

  it('knows the sources of its files after a reload, not before', async () => {
    const stand = await open();
    await stand.setSources(sources);
    expect(await known(stand)).toEqual([]);
    await stand.chronyd.reloadSources(signal);
    expect(new Set(await known(stand))).toEqual(new Set(sources));
    for (const { isReachable } of await stand.chronyd.measurements(signal))
      expect(isReachable).toBe(false);
    await stand.setSources(sources.slice(0, 1));
    await stand.chronyd.reloadSources(signal);
    expect(await known(stand)).toEqual(sources.slice(0, 1));
  });

  it('asks a source that it knows, of either family, and refuses any other', async () => {
    const stand = await open();
    const { chronyd } = stand;
    await stand.setSources(sources);
    await chronyd.reloadSources(signal);
    for (const source of sources) await chronyd.askNow(source, signal);
    await expect(chronyd.askNow('192.0.2.2', signal)).rejects.toMatchObject(REFUSED);
  });

  it('refuses a step that it cannot make', async () => {
    const { chronyd } = await open();
    await expect(chronyd.step(signal)).rejects.toMatchObject(REFUSED);
  });

  it('is not there after its end', async () => {
    const { chronyd } = await open();
    await chronyd.shutDown(signal);
    await expect
      .poll(async () => chronyd.tracking(signal).then(String, (error: unknown) => error), {
        timeout: 20_000,
      })
      .toMatchObject({ code: 'KIOS_SYSCALL' });
  });
}
