import {open, readFile, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {Command} from 'commander'
import {VERSION} from '../../api/client.ts'
import {PATH_DEFAULTS} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

/** A daemon that takes longer is away, as far as a bundle goes: there are twenty questions to it. */
const API_MS = 3000

/** `isthmus gather`: what somebody far away needs to understand this gateway, without its secrets. */
export function gatherCommand(context: CliContext, finish: Finish): Command {
  return new Command('gather')
    .description('pack what is known of this gateway into one file, without secrets')
    .option('--config <file>', "the gateway's configuration", DEFAULT_CONFIG)
    .option('-o, --output <file>', 'the archive, FILE.tar.gz')
    .option('--log <file...>', 'logs that are not in the journal')
    .action(async (options: {config: string; output?: string; log?: string[]}, self: Command) => {
      const {socket} = self.optsWithGlobals<{socket: string}>()
      const nowMs = context.clock.nowMs()
      const name = `isthmus-${new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '')}.tar.gz`
      const output = options.output ?? name
      // Before anything is read: what cannot be written need not be gathered.
      const handle = await open(output, 'wx', 0o600).catch((error: Error) => error)
      if (handle instanceof Error) {
        context.err(`${output} cannot be written: ${handle.message}\n-o names another file\n`)
        return finish(EXIT.finding)
      }
      const [{itemsOf}, {packBundle}, {readSecrets}, {runChecks}] = await Promise.all([
        import('../gather/items.ts'),
        import('../gather/bundle.ts'),
        import('../gather/secrets.ts'),
        import('../diagnose/run.ts'),
      ])
      const api = context.api(socket, API_MS)
      const {config} = await readGatewayConfig(options.config)
      const paths = config?.paths ?? PATH_DEFAULTS
      const items = itemsOf({
        ...{file: options.config, api, socket, paths, version: VERSION},
        logs: options.log ?? [join(paths.run, 'isthmus.log')],
      })
      const texts = await Promise.all([
        readFile(options.config, 'utf8').catch(() => ''),
        ...items
          .filter(({name: item}) => /^config\/(in-force|versions)/.test(item))
          .map(({read}) => read(new AbortController().signal).catch(() => '')),
      ])
      const secrets = await readSecrets(texts, paths.state, await readFile(paths.birdConfig, 'utf8').catch(() => ''))
      const diagnosis = {
        name: 'diagnose.json',
        read: async () =>
          `${JSON.stringify((await runChecks({context, file: options.config, socket, only: null})).reports, null, 1)}\n`,
      }
      const {bytes, files, missing} = await packBundle([diagnosis, ...items], secrets, {seconds: nowMs / 1000})
      try {
        await handle.writeFile(bytes)
      } catch (error) {
        await rm(output, {force: true})
        context.err(`${output} cannot be written: ${error instanceof Error ? error.message : String(error)}\n`)
        return finish(EXIT.finding)
      } finally {
        await handle.close()
      }
      context.out(`${output}: ${files} files, ${Math.ceil(bytes.length / 1024)} KiB\n`)
      for (const {name: item, why} of missing) context.err(`without ${item}: ${why}\n`)
      context.err('secrets that this gateway knows are taken out; names and addresses of yours are in it\n')
      finish(EXIT.fine)
    })
}
