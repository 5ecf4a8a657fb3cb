import { INFINITE } from '../../lease/lease.ts';
import { readConfig } from '../lease/other-config.ts';
import { type Message6, TYPE6 } from '../wire/message.ts';
import { OPTIONS6 } from '../wire/options.ts';
import type { Event6, Exchanging6, Step6 } from './model.ts';
import { REFRESH } from './timing.ts';

const SECOND = 1000;

/** INFORMATION-REQUEST: the configuration counts until it is refreshed. RFC 8415 §18.2.10.4, §21.23. */
export function onInformed(state: Exchanging6, message: Message6, event: Event6): Step6 {
  const failed = (message.options.get(OPTIONS6.statusCode)?.code ?? 0) !== 0;
  if (message.type !== TYPE6.reply || failed) return [state, []];
  const refresh = message.options.get(OPTIONS6.informationRefreshTime) ?? REFRESH.usual;
  const wakeAt =
    refresh === INFINITE ? Infinity : event.now + Math.max(refresh, REFRESH.least) * SECOND;
  const memory = { ...state.memory, failures: 0 };
  return [{ tag: 'informed', memory, wakeAt }, [{ tag: 'configure', config: readConfig(message) }]];
}
