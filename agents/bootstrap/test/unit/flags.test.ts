import { describe, expect, it } from 'vitest';

import { FLAGS, toSettings } from '../../src/core/settings/flags.ts';
import { DEFAULTS } from '../../src/core/settings/settings.ts';

const all = Object.entries({ ...FLAGS.join, ...FLAGS.watch, ...FLAGS.reset, ...FLAGS.render });

const camel = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_all, letter: string) => letter.toUpperCase());

describe('the flags', () => {
  it.each(all)('--%s has a name in kebab-case without a unit, and a description', (name, flag) => {
    expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
    expect(name).not.toMatch(/seconds/);
    expect(flag.describe).toMatch(/^[A-Z].*[^.]$/);
  });

  it('that are numbers say that they are seconds', () => {
    const numbers = all.filter(([, flag]) => typeof flag.default === 'number');
    for (const [, flag] of numbers) expect(flag.describe).toMatch(/^Seconds /);
    expect(numbers).toHaveLength(6);
  });

  it('cover every setting, with its default', () => {
    const values = Object.fromEntries(all.map(([name, flag]) => [camel(name), flag.default]));
    expect(all).toHaveLength(Object.keys(DEFAULTS).length);
    expect(toSettings(values)).toMatchObject(DEFAULTS);
  });

  it('of `watch` are all accepted by `reset`, whose help shows those that act on it', () => {
    expect(Object.keys(FLAGS.reset)).toEqual(expect.arrayContaining(Object.keys(FLAGS.watch)));
    const shown = Object.entries(FLAGS.reset).filter(([, flag]) => !('hidden' in flag));
    expect(shown.map(([name]) => name).toSorted()).toEqual([
      'etc',
      'kubelet-pki',
      'restart',
      'socket',
      'state-dir',
    ]);
  });

  it('become the settings that name their unit', () => {
    expect(toSettings({ timeout: 3, rollback: 4, etc: '/host/etc' })).toMatchObject({
      ...DEFAULTS,
      timeoutSeconds: 3,
      rollbackSeconds: 4,
      etc: '/host/etc',
    });
  });
});
