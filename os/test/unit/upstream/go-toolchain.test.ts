import { describe, expect, it } from 'vitest';

import { chooseGo } from '../../../src/upstream/go-toolchain.ts';

const go = (version: string, file = `/${version}/go`) => ({ file, version });

describe('chooseGo', () => {
  it.each([['go1.26.8'], ['go1.26.9'], ['go1.27']])('uses %s when 1.26.8 is wanted', (version) => {
    expect(chooseGo([go(version)], '1.26.8')).toEqual({ use: go(version) });
  });

  it('passes over one that is too old, and takes the first that is not', () => {
    const found = [go('go1.19'), go('go1.26.8', '/first'), go('go1.27', '/second')];
    expect(chooseGo(found, '1.26.8')).toEqual({ use: go('go1.26.8', '/first') });
  });

  it('lets an older one fetch the toolchain, from 1.21 on', () => {
    expect(chooseGo([go('go1.19'), go('go1.22.2')], '1.26.8')).toEqual({
      fetchWith: go('go1.22.2'),
    });
  });

  it.each([[[]], [[go('go1.19.8')]]])('needs another Go with %j', (found) => {
    expect(chooseGo(found, '1.26.8')).toEqual({ fetchWith: undefined });
  });
});
