import { describe, expect, it } from 'vitest';

import { chooseGo } from '../../../../../src/build/sources/upstream/go-toolchain.ts';

const go = (version: string, file = `/${version}/go`) => ({ file, version });

describe('chooseGo', () => {
  it('takes the first Go of exactly this version, so that every workstation makes the same bytes', () => {
    const found = [go('go1.19'), go('go1.27'), go('go1.26.8', '/a'), go('go1.26.8', '/b')];
    expect(chooseGo(found, '1.26.8')).toEqual({ use: go('go1.26.8', '/a') });
  });

  it.each([['go1.22.2'], ['go1.26.7'], ['go1.26.9'], ['go1.27']])(
    'lets %s, which is another, fetch 1.26.8',
    (version) => {
      const found = [go('go1.19'), go(version)];
      expect(chooseGo(found, '1.26.8')).toEqual({ fetchWith: go(version) });
    },
  );

  it.each([[[]], [[go('go1.19.8')]]])('needs another Go with %j', (found) => {
    expect(chooseGo(found, '1.26.8')).toEqual({ fetchWith: undefined });
  });
});
