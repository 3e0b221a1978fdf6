import {readFile} from 'node:fs/promises'
import {Command} from 'commander'
import type {Interconnect} from '../../config/index.ts'
import {type CliContext, EXIT, type ExitStatus} from '../context.ts'
import {formatFindingIn} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

const configOption = ['--config <file>', 'the description of all sites', 'interconnect.yaml'] as const

/** `isthmus render …`: what follows from one description of all sites. Writes nothing, asks nobody. */
export function renderCommand(context: CliContext, finish: Finish): Command {
  const terraform = new Command('terraform')
    .description('the variables of all sites, as terraform.tfvars.json')
    .option(...configOption)
    .action(async ({config}: {config: string}) => {
      const {terraformVariables} = await import('../../config/index.ts')
      finish(
        await render(
          context,
          config,
          (interconnect) => `${JSON.stringify(terraformVariables(interconnect), null, 2)}\n`,
        ),
      )
    })
  const gateway = new Command('gateway')
    .description('gateway.yaml of one gateway')
    .argument('<site>', 'its site')
    .argument('<gateway>', 'its name in the site')
    .option(...configOption)
    .action(async (site: string, name: string, {config}: {config: string}) => {
      const [{gatewayFile}, {stringify}] = await Promise.all([import('../../config/index.ts'), import('yaml')])
      finish(
        await render(context, config, (interconnect) => {
          const value = gatewayFile(interconnect, site, name)
          if (value) return stringify(value)
          context.err(
            `${config} has no gateway ${name} of a site ${site}; it has ${gatewaysOf(interconnect).join(', ')}\n`,
          )
          return null
        }),
      )
    })
  return new Command('render')
    .description('what follows from one description of all sites')
    .addCommand(terraform)
    .addCommand(gateway)
}

const gatewaysOf = ({sites}: Interconnect): string[] =>
  Object.entries(sites).flatMap(([site, {gateways}]) => Object.keys(gateways).map((name) => `${site} ${name}`))

async function render(
  context: CliContext,
  file: string,
  print: (interconnect: Interconnect) => string | null,
): Promise<ExitStatus> {
  const {parseInterconnect} = await import('../../config/index.ts')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    context.err(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.finding
  }
  const {interconnect, findings} = parseInterconnect(text, file)
  for (const finding of findings) context.err(`${formatFindingIn(file, finding)}\n`)
  const answer = interconnect && print(interconnect)
  if (answer === null) return EXIT.finding
  context.out(answer)
  return EXIT.fine
}
