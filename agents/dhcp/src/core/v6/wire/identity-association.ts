import type { Codec } from '../../wire/codec.ts';
import { address6, type Status, status } from './codec.ts';
import { entry6, OptionList, readOptions, writeOptions } from './option-list.ts';

/** An address with its lifetimes; 0xffffffff is infinity. RFC 8415 §21.6. */
export interface IaAddress {
  readonly address: string;
  readonly preferredSeconds: number;
  readonly validSeconds: number;
  readonly status?: Status;
}

/** The addresses of one link. RFC 8415 §21.4. */
export interface IaNa {
  readonly iaid: number;
  readonly t1Seconds: number;
  readonly t2Seconds: number;
  readonly addresses: readonly IaAddress[];
  readonly status?: Status;
}

const STATUS_CODE = { code: 13, codec: status };

const statusIn = (options: OptionList): { status?: Status } => {
  const found = options.get(STATUS_CODE);
  return found === undefined ? {} : { status: found };
};

export const iaAddress: Codec<IaAddress> = {
  decode: (reader) => ({
    address: address6.decode(reader),
    preferredSeconds: reader.u32(),
    validSeconds: reader.u32(),
    ...statusIn(readOptions(reader)),
  }),
  encode(writer, { address, preferredSeconds, validSeconds, status }) {
    address6.encode(writer, address);
    writer.u32(preferredSeconds).u32(validSeconds);
    writeOptions(writer, new OptionList(status ? [entry6(STATUS_CODE, status)] : []));
  },
};

const IA_ADDRESS = { code: 5, codec: iaAddress };

/** A malformed address is left out, so that it does not spoil the others. */
export const iaNa: Codec<IaNa> = {
  decode(reader) {
    const [iaid, t1Seconds, t2Seconds] = [reader.u32(), reader.u32(), reader.u32()];
    const options = readOptions(reader);
    return { iaid, t1Seconds, t2Seconds, addresses: options.all(IA_ADDRESS), ...statusIn(options) };
  },
  encode(writer, { iaid, t1Seconds, t2Seconds, addresses, status }) {
    writer.u32(iaid).u32(t1Seconds).u32(t2Seconds);
    const entries = addresses.map((each) => entry6(IA_ADDRESS, each));
    if (status !== undefined) entries.push(entry6(STATUS_CODE, status));
    writeOptions(writer, new OptionList(entries));
  },
};
