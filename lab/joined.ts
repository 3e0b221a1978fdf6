import {readFileSync} from 'node:fs'
import {slowness} from './environment.ts'
import {until} from './processes.ts'
import {statusOf} from './steps/observations.ts'
import type {World} from './world.ts'

interface Status {
  readonly ready: boolean
  readonly tunnels: readonly {readonly up: boolean; readonly name: string}[]
  readonly datastores: readonly {readonly synced: boolean; readonly name: string}[]
  readonly sessions: readonly {readonly protocol: string; readonly up: boolean; readonly name: string}[]
}

const PATIENCE_MS = 300_000
/** A status takes a gateway tens of milliseconds of an emulated CPU, just when it has the most to do. */
const ASK_EVERY_MS = slowness() > 1 ? 1000 : 250

/** Waits until every gateway has read everybody, and every tunnel and session that it should have is up. */
export async function waitUntilJoined(world: World): Promise<void> {
  const {scenario, plan} = world
  await Promise.all(
    plan.gateways
      .filter(({site, name}) => !scenario.sites[site]!.gateways[name]!.manual)
      .map(async ({site, name}) => {
        const ref = `${site}/${name}`
        const remotes = scenario.pairs.filter(({between}) => between.includes(site))
        const tunnelled = remotes
          .filter(({encapsulation, via}) => encapsulation !== 'none' && !via)
          .flatMap(({between}) => between)
        const tunnels = plan.gateways.filter((other) => other.site !== site && tunnelled.includes(other.site)).length
        let missing = 'no answer'
        await until(
          `${ref} joined`,
          async () => {
            const status = (await statusOf(world, ref)) as Status | null
            if (!status) return null
            missing = whatIsMissing(status, tunnels, remotes.length)
            return missing === '' ? true : null
          },
          PATIENCE_MS,
          ASK_EVERY_MS,
        ).catch((error: Error) => {
          const log = `${world.dirOf(name)}/isthmus.log`
          throw new Error(`${error.message}: ${missing}; the end of ${log}:\n${lastLines(log)}`)
        })
      }),
  )
}

/** In the VM nobody can look at it afterwards. */
const lastLines = (file: string): string => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-20).join('\n')

function whatIsMissing(status: Status, tunnels: number, remotes: number): string {
  if (!status.ready) return 'not ready'
  const unsynced = status.datastores.filter(({synced}) => !synced)
  if (unsynced.length > 0) return `not read: ${unsynced.map(({name}) => name).join(', ')}`
  if (status.datastores.length < remotes + 1) return 'datastores'
  if (status.tunnels.length < tunnels) return `${status.tunnels.length} of ${tunnels} tunnels planned`
  const down = [...status.tunnels.filter(({up}) => !up), ...status.sessions.filter(({up}) => !up)]
  return down.map(({name}) => `${name} is down`).join(', ')
}
