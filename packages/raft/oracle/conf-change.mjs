// The membership commands: configurations and what is known of new members.
import { defaultCoreConfig } from '../dist/core/config.js';
import { Members } from '../dist/core/members.js';
import { changeSimple, enterJoint, leaveJoint } from '../dist/core/membership.js';
import { valuesOf } from './data-driven.mjs';
import { describeConf, describeProgress, parseSteps } from './describe.mjs';

/** @typedef {import('./data-driven.mjs').Stanza} Stanza */

export const confChangeCommands = ['simple', 'enter-joint', 'leave-joint'];

/** @type {Record<import('../dist/core/membership.js').ConfProblem, string>} */
const problems = {
  noVoters: 'removed all voters',
  severalVoters: 'more than one voter changed without entering joint config',
  alreadyJoint: 'config is already joint',
  jointFromNothing: "can't make a zero-voter config joint",
  nothingToLeave: "can't leave a non-joint config",
  simpleInJoint: "can't apply simple config change in joint config",
};

/** @returns {(stanza: Stanza) => string} */
export function confChangeRunner() {
  const members = new Members(defaultCoreConfig);
  // Every command stands for one more entry of the log, whether it succeeds or not.
  let lastIndex = 0;
  return (stanza) => {
    const steps = parseSteps(stanza.body.join(' '));
    const result =
      stanza.command === 'simple'
        ? changeSimple(members.conf, steps)
        : stanza.command === 'enter-joint'
          ? enterJoint(members.conf, steps, valuesOf(stanza, 'autoleave')?.[0] === 'true')
          : leaveJoint(members.conf);
    const next = Math.max(lastIndex++, 1);
    if (!result.ok) return problems[result.problem];
    members.switchTo(result.conf, next);
    return [describeConf(members.conf), ...members.all.map((one) => describeProgress(one.status()))].join('\n');
  };
}
