import { ByteReader, fromHex, toHex } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  address6,
  fqdn,
  opaqueList,
  status,
  timeServers,
  vendorClass,
} from '../../../src/core/v6/wire/codec.ts';
import { iaNa } from '../../../src/core/v6/wire/identity-association.ts';
import { decodeMessage6, encodeMessage6 } from '../../../src/core/v6/wire/message.ts';
import { OptionList } from '../../../src/core/v6/wire/option-list.ts';
import { OPTIONS6 } from '../../../src/core/v6/wire/options.ts';
import { encodeWith, listOf } from '../../../src/core/wire/codec.ts';
import { domainList } from '../../../src/core/wire/domain-list.ts';
import { codecLaws, withstands } from '../../support/codec-laws.ts';

const anyAddress6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => address6.decode(readerOf(bytes)));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const anyText = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/\p{Cc}/gu, ''));
const anyStatus = fc.record({ code: u16, message: anyText });
const anyName = fc.constantFrom('a.example', 'b-1.example.org', 'x.y');
const anyData = fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 4 });
const anyIaAddress = fc.record(
  { address: anyAddress6, preferredSeconds: u32, validSeconds: u32, status: anyStatus },
  { requiredKeys: ['address', 'preferredSeconds', 'validSeconds'], noNullPrototype: true },
);

function readerOf(bytes: Uint8Array) {
  return new ByteReader(bytes);
}

describe('an address', () => {
  codecLaws(address6, anyAddress6);
});
describe('a list of addresses', () => {
  codecLaws(listOf(address6), fc.array(anyAddress6, { minLength: 1, maxLength: 5 }));
});
describe('a search list', () => {
  codecLaws(domainList, fc.array(anyName));
});
describe('a status', () => {
  codecLaws(status, anyStatus);
});
describe('a user class', () => {
  codecLaws(opaqueList, anyData);
});
describe('a vendor class', () => {
  // RFC 8415, 21.16: the number of the enterprise, then each class behind its length.
  it.each([
    [32473, ['kios'], '00007ed900046b696f73'],
    [4_294_967_295, ['a', ''], 'ffffffff0001610000'],
  ])('of enterprise %s: %j', (enterprise, classes, hex) => {
    const data = classes.map((each) => new TextEncoder().encode(each));
    const bytes = encodeWith(vendorClass, { enterprise, data });
    expect(toHex(bytes)).toBe(hex);
    expect(vendorClass.decode(readerOf(bytes))).toEqual({ enterprise, data });
  });
  codecLaws(vendorClass, fc.record({ enterprise: u32, data: anyData }, { noNullPrototype: true }));
});
describe('an FQDN', () => {
  codecLaws(
    fqdn,
    fc.record({
      flags: fc.integer({ min: 0, max: 255 }),
      name: fc.constantFrom('', 'host', 'host.example.org'),
    }),
  );
});
describe('time servers', () => {
  codecLaws(
    timeServers,
    fc.array(
      fc.oneof(
        fc.record({ kind: fc.constantFrom('address', 'multicast'), value: anyAddress6 }),
        fc.record({ kind: fc.constant('name' as const), value: anyName }),
      ),
      { maxLength: 4 },
    ),
  );
});
describe('an IA', () => {
  codecLaws(
    iaNa,
    fc.record(
      {
        iaid: u32,
        t1Seconds: u32,
        t2Seconds: u32,
        addresses: fc.array(anyIaAddress, { maxLength: 4 }),
        status: anyStatus,
      },
      { requiredKeys: ['iaid', 't1Seconds', 't2Seconds', 'addresses'], noNullPrototype: true },
    ),
  );
});

describe('a message', () => {
  it('decodes to what it was', () => {
    const anyRaw = fc.array(fc.tuple(u16, fc.uint8Array({ maxLength: 40 })), { maxLength: 20 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 11 }),
        fc.integer({ min: 0, max: 0xff_ffff }),
        anyRaw,
        (type, transactionId, raw) => {
          const message = { type, transactionId, options: new OptionList(raw) };
          expect(decodeMessage6(encodeMessage6(message))).toEqual(message);
        },
      ),
    );
  });

  it('of any bytes gives a message or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(withstands(decodeMessage6, bytes)).toBe(true);
      }),
    );
  });

  it.each([
    ['nothing', '', 'need 1 bytes'],
    ['a relay', '0c000000', 'type 12'],
    ['type 0', '00000000', 'type 0'],
    ['a header cut off', '0700', 'need 2 bytes'],
    ['an option past the end', '07000001000100080001', 'need 8 bytes'],
    ['257 options', `07000001${'00ff0000'.repeat(257)}`, 'too many'],
  ])('is not %s', (_name, hex, why) => {
    expect(() => decodeMessage6(fromHex(hex))).toThrow(why);
  });

  it('keeps the good addresses of an IA in which one is malformed', () => {
    const good = `000500182001${'00'.repeat(13)}050000070800000e10`;
    const hex = `000000010000000000000000${good}00050003010203`;
    expect(iaNaOf(hex)?.addresses.map(({ address }) => address)).toEqual(['2001::5']);
  });

  it('has the text of a status without control characters', () => {
    const list = new OptionList([[13, fromHex('000268690a1b')]]);
    expect(list.get(OPTIONS6.statusCode)).toEqual({ code: 2, message: 'hi  ' });
  });
});

const iaNaOf = (hex: string) => new OptionList([[3, fromHex(hex)]]).get(OPTIONS6.iaNa);

it('a hand-made message has the bytes of RFC 8415 §21', () => {
  const options = new OptionList([
    [1, fromHex('0003000102000000 0001')],
    [8, fromHex('0000')],
  ]);
  const bytes = encodeMessage6({ type: 1, transactionId: 0x123456, options });
  expect(toHex(bytes)).toBe('011234560001000a00030001020000000001000800020000');
});
