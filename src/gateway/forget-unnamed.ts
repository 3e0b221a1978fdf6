import type {Logger} from 'pino'
import type {GatewayConfig} from '../model/index.ts'
import {parseSiteName} from '../model/index.ts'
import {forgetKnown, knownSources} from '../store/index.ts'

/** Removes the last known state of every site that the configuration does not name: nobody asks for it, and it would only age. */
export async function forgetUnnamed(config: GatewayConfig, log: Pick<Logger, 'info' | 'warn'>): Promise<void> {
  try {
    for (const source of await knownSources(config.paths.state)) {
      const site = source.startsWith('export/') ? parseSiteName(source.slice('export/'.length)) : null
      if (site === null || config.sites.has(site)) continue
      await forgetKnown(config.paths.state, source)
      log.info({site}, 'last known state removed: gateway.yaml does not name the site')
    }
  } catch (error) {
    log.warn({err: error}, 'last known state of sites that are not named stays')
  }
}

/** Does so once for each configuration, when it waits no longer to be confirmed: the one before may come back till then. */
export function createForgetting(
  isPending: () => boolean,
  log: Pick<Logger, 'info' | 'warn'>,
): (config: GatewayConfig) => Promise<void> {
  let done: GatewayConfig | null = null
  return async (config) => {
    if (config === done || isPending()) return
    done = config
    await forgetUnnamed(config, log)
  }
}
