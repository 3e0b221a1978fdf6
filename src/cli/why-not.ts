import {printable} from '../model/index.ts'
import {type CliContext, EXIT, type ExitStatus, explain} from './context.ts'
import {type Format, printValue} from './output.ts'
import {painterOf} from './paint.ts'

/** `isthmus get routes --why-not PREFIX`: the walk, a line a step; 0 where the prefix is here, 1 where it is not. */
export async function printWhyNot(
  context: CliContext,
  socket: string,
  prefix: string,
  output: Format,
): Promise<ExitStatus> {
  const answer = await context.api(socket).whyNot(prefix)
  if (!answer.ok) return explain(context, socket, answer)
  const {here, why, steps} = answer.value
  if (output === 'name') context.out(`${answer.value.prefix}\n`)
  else if (!(await printValue(context, output, answer.value))) {
    const paint = painterOf(context)
    context.out(`${answer.value.prefix}: ${here ? '' : 'not here: '}${printable(why)}\n`)
    for (const {step, ok, evidence, remedy} of steps) {
      const mark = ok === null ? '--' : ok ? 'ok' : 'no'
      context.out(`${' '.repeat(4)}${paint(mark)} ${step}: ${printable(evidence)}\n`)
      if (ok === false && remedy !== undefined) context.out(`${' '.repeat(11)}${printable(remedy)}\n`)
    }
  }
  return here ? EXIT.fine : EXIT.finding
}
