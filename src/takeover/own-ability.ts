import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {type KeptBird, keepBird} from '../bird/index.ts'
import {type GatewayConfig, ifMissing} from '../model/index.ts'
import {readRouter} from '../observe/index.ts'
import {loadDraining} from '../store/index.ts'
import type {Ability} from './judge.ts'

/** While BIRD is away the kernel goes on by what it has; longer than that, what it has is old. */
const BIRD_AWAY_MS = 30_000

/** What this gateway can say of itself, asked again and again. */
export function watchAbility(
  {gateway, paths}: GatewayConfig,
  signal: AbortSignal,
): (nowMs: number) => Promise<Ability> {
  const bird: KeptBird = keepBird(paths.birdSocket, signal)
  let seen: {readonly sites: number; readonly atMs: number} | null = null
  return async (nowMs) => {
    const word = (able: Ability['able'], why: string, sites = 0): Ability => ({gateway, able, why, sites})
    const router = await readRouter(bird, signal)
    if (router.up) {
      const up = router.sessions.filter((session) => session.kind === 'tunnel' && session.up)
      seen = {sites: new Set(up.map(({name}) => siteOf(name))).size, atMs: nowMs}
    }
    if (seen === null || nowMs - seen.atMs > BIRD_AWAY_MS) return word(0, 'has no BIRD')
    if ((await read(join(paths.run, 'lan-lost'))).trim() === '1') return word(0, 'is cut off from its LAN')
    if (seen.sites === 0) return word(0, 'has no tunnel that is up')
    const {since} = await loadDraining(paths.state)
    return since === null ? word(2, '', seen.sites) : word(1, 'is drained', seen.sites)
  }
}

/** Sessions of one site differ in the hash at the end of their names alone. */
const siteOf = (session: string): string => session.replace(/_[0-9a-f]{6}$/, '')

/** Nothing where nobody watches the LAN. */
const read = (file: string): Promise<string> => readFile(file, 'utf8').catch(ifMissing(''))
