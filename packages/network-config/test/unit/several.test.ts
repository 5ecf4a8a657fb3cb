import { expect, it } from 'vitest';

import { readNetworkConfig, severalCards } from '../../src/index.ts';

const ADDRESS = 'addresses: [192.0.2.1/24]';

it.each([
  [`match: {name: "en*"}, ${ADDRESS}`, 'addresses'],
  [`match: {driver: igb}, macaddress: "02:00:00:00:00:01", ${ADDRESS}`, 'addresses and macaddress'],
  ['match: {path: "pci-0000:0?:00.0"}, set-name: lan0', 'set-name'],
  ['match: {}, ' + ADDRESS, 'addresses'],
  ['match: {name: "en*"}, dhcp4: true', undefined],
  [`match: {name: "en*", macaddress: "02:00:00:00:00:01"}, ${ADDRESS}`, undefined],
  [`match: {path: "pci-0000:02:00.0", driver: igb}, ${ADDRESS}`, undefined],
  [ADDRESS, undefined],
])('a card with %s', (text, keys) => {
  const reading = readNetworkConfig(`network: {version: 2, ethernets: {lan: {${text}}}}`);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  const what = `may match several cards, of which only one can have its ${keys}`;
  const expected = keys === undefined ? [] : [{ path: 'network.ethernets.lan', what }];
  expect(severalCards(reading.config)).toEqual(expected);
});
