import {Command} from 'commander'
import type {CliContext} from '../context.ts'
import type {Finish} from '../run-cli.ts'
import {siteInitCommand} from './site-init.ts'
import {siteJoinCommand} from './site-join.ts'
import {siteLeaveCommand} from './site-leave.ts'

/** `isthmus site`: who may read what of whom. */
export function siteCommand(context: CliContext, finish: Finish): Command {
  return new Command('site')
    .description('certificates and etcd users of this site, and joining others')
    .addCommand(siteInitCommand(context, finish))
    .addCommand(siteJoinCommand(context, finish))
    .addCommand(siteLeaveCommand(context, finish))
}
