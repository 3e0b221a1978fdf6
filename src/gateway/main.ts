import {parseArgs} from 'node:util'
import {pino} from 'pino'
import {ConfigRefused} from './configuration.ts'
import {startGateway} from './start.ts'

/**
 * The daemon's process: `isthmusd run --config FILE`. Logs are NDJSON on stdout. It ends with 2 for wrong usage, 78
 * (EX_CONFIG of sysexits.h) for a configuration that is refused, which another start would not change, 1 for all else.
 */
const EX_CONFIG = 78
const USAGE = 'usage: isthmusd run --config FILE\n'

function configFileOf(args: string[]): string | null {
  try {
    const {values, positionals} = parseArgs({
      args,
      allowPositionals: true,
      options: {config: {type: 'string', short: 'c'}},
    })
    return positionals.join() === 'run' && values.config ? values.config : null
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return null
  }
}

const configFile = configFileOf(process.argv.slice(2))
if (configFile === null) {
  process.stderr.write(USAGE)
  process.exit(2)
}

const log = pino({base: null, timestamp: pino.stdTimeFunctions.isoTime}, pino.destination({dest: 1, sync: true}))
try {
  const gateway = await startGateway({configFile, log})
  process.on('SIGHUP', () => void gateway.reload())
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      gateway.stop().then(
        () => process.exit(0),
        (error) => {
          log.error({err: error}, 'did not stop cleanly')
          process.exit(1)
        },
      )
    })
  }
} catch (error) {
  if (error instanceof ConfigRefused) {
    process.stderr.write(`${error.message}\n`)
    process.exit(EX_CONFIG)
  }
  log.fatal({err: error}, 'cannot start')
  process.exit(1)
}
