import type { Console, SeenEvent } from '../../lab/qemu/console.ts';

/** What waits for an event of the console that is not there yet when this is called, however much later it waits. */
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
