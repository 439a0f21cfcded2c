import type { TraceEvent } from '../core/trace.js';

/**
 * One line of NDJSON for one event, as the trace validation of the published TLA+ specification reads it. Put the lines
 * of all members of a cluster into one file in the order in which the events happened.
 *
 * @returns the line, without its end
 */
export function formatTraceEvent(event: TraceEvent): string {
  return JSON.stringify({ tag: 'trace', event });
}
