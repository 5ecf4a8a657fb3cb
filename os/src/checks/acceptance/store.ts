import { demand, type Assertion } from './assertion.ts';

const MAX_WRITTEN_BYTES = 5_000_000;

export const STORE_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'no shipped image was imported or unpacked at boot',
    check: async ({ console }) => {
      const ready = console.events.find(
        ({ agent, ev }) => agent === 'init' && ev === 'store.ready',
      );
      demand(ready !== undefined, 'init did not report the store');
      const { bytes, links } = ready.fields;
      demand(typeof bytes === 'number', 'init did not report how much it wrote');
      demand(bytes < MAX_WRITTEN_BYTES, `init wrote ${bytes} bytes`);
      return `init wrote ${bytes} bytes and ${String(links)} links`;
    },
  },
];
