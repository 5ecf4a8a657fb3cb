import type { Console, SeenEvent } from '../../lab/qemu/console.ts';

/** Returns a waiter for the first matching console event after this call, no matter when the waiter is used. */
export function nextEvent(
  console: Console,
  agent: string,
  ev: string,
): (deadlineMs: number) => Promise<SeenEvent> {
  const seen = console.events.length;
  return (deadlineMs) =>
    console.expect(
      `${ev} of ${agent}`,
      (event) => console.events.indexOf(event) >= seen && event.agent === agent && event.ev === ev,
      deadlineMs,
    );
}
