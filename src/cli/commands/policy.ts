import {Command} from 'commander'
import type {CliContext} from '../context.ts'
import type {Finish} from '../run-cli.ts'
import {policyCompileCommand} from './policy-compile.ts'
import {policyDiffCommand} from './policy-diff.ts'
import {policyTraceCommand} from './policy-trace.ts'
import {policyVerifyCommand} from './policy-verify.ts'

/** `isthmus policy …`: answers about policy without a packet. */
export function policyCommand(context: CliContext, finish: Finish): Command {
  return new Command('policy')
    .description('what the global policy says')
    .addCommand(policyTraceCommand(context, finish))
    .addCommand(policyDiffCommand(context, finish))
    .addCommand(policyVerifyCommand(context, finish))
    .addCommand(policyCompileCommand(context, finish))
}
