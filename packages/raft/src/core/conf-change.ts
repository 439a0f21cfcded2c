import { CoterieError } from '@coterie/errors';
import type { ConfChange, ConfChangeStep } from './ready.js';

const formatVersion = 1;
/** More steps than any sensible change has; a bound for the decoder. */
const stepsMax = 1024;
/** A safe integer needs at most eight groups of seven bits. */
const varintBytesMax = 8;

const transitions = ['auto', 'implicit', 'explicit', 'forced'] as const;
const ops = ['addVoter', 'addLearner', 'remove'] as const;

function varint(out: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
}

function corrupt(why: string): never {
  throw new CoterieError('ERR_CORRUPT', { message: `membership change: ${why}` });
}

class Reader {
  private at = 0;
  constructor(private readonly data: Uint8Array) {}

  byte(): number {
    const value = this.data[this.at++];
    return value === undefined ? corrupt(`cut off at byte ${this.data.length}`) : value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < varintBytesMax; i++, scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        return Number.isSafeInteger(value) ? value : corrupt('a number is too large');
      }
    }
    return corrupt('a number is too long');
  }

  rest(length: number): Uint8Array {
    if (this.at + length !== this.data.length) {
      corrupt(`${this.data.length - this.at} bytes of context where ${length} belong`);
    }
    return this.data.subarray(this.at);
  }
}

function check(argument: string, valid: boolean, message: string): void {
  if (!valid) throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument });
}

/**
 * The data of a `conf` entry.
 *
 * Layout: version, transition, count of steps, then op and id of each step, then length and bytes of the context.
 * Numbers are base-128, low group first.
 *
 * @param change its steps may name id 0: "the index of this entry"; whoever applies the entry puts the index in its
 *   place
 * @param context opaque bytes that travel with the change, for example the new member's record
 * @throws CoterieError ERR_INVALID_ARGUMENT
 */
export function encodeConfChange(change: ConfChange, context: Uint8Array): Uint8Array {
  const transition = transitions.indexOf(change.transition);
  check('transition', transition >= 0, `no such transition: ${change.transition}`);
  check('steps', change.steps.length <= stepsMax, `a change has at most ${stepsMax} steps, got ${change.steps.length}`);
  const head = [formatVersion, transition];
  varint(head, change.steps.length);
  for (const step of change.steps) {
    const op = ops.indexOf(step.op);
    check('op', op >= 0, `no such step: ${step.op}`);
    check('id', Number.isSafeInteger(step.id) && step.id >= 0, `a member id is a non-negative integer, got ${step.id}`);
    head.push(op);
    varint(head, step.id);
  }
  varint(head, context.length);
  const data = new Uint8Array(head.length + context.length);
  data.set(head);
  data.set(context, head.length);
  return data;
}

/**
 * The opposite of {@link encodeConfChange}. `context` is a view of `data`.
 *
 * @throws CoterieError ERR_CORRUPT
 */
export function decodeConfChange(data: Uint8Array): { readonly change: ConfChange; readonly context: Uint8Array } {
  const reader = new Reader(data);
  const version = reader.byte();
  if (version !== formatVersion) corrupt(`format version ${version}, ${formatVersion} is known`);
  const transition = transitions[reader.byte()] ?? corrupt('no such transition');
  const count = reader.varint();
  if (count > stepsMax) corrupt(`${count} steps, at most ${stepsMax} are allowed`);
  const steps: ConfChangeStep[] = [];
  for (let i = 0; i < count; i++) {
    const op = ops[reader.byte()] ?? corrupt('no such step');
    steps.push({ op, id: reader.varint() });
  }
  return { change: { transition, steps }, context: reader.rest(reader.varint()) };
}

/** A change without steps leaves a joint configuration. */
export function leavesJoint(change: ConfChange): boolean {
  return change.steps.length === 0;
}
