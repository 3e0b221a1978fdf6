import {execFile} from 'node:child_process'
import {mkdirSync, writeFileSync} from 'node:fs'
import {networkInterfaces} from 'node:os'
import path from 'node:path'
import {promisify} from 'node:util'
import {type GatewayLan, LAN_LOST_TABLE} from '../model/index.ts'
import {isHostPrefix, parseCidr} from '../net/index.ts'
import {startFping} from './fping.ts'
import {AS_CONTROL} from './groups.ts'
import {createLanJudge} from './lan-judge.ts'
import {createLineReader, type ProbeLine} from './line.ts'

const run = promisify(execFile)

/** Twenty times a second; what takes longer than the timeout is no LAN. */
const FPING = ['-4', '-l', '-p', '50', '-t', '200', '-i', '1', ...AS_CONTROL]
/** Answers whatever becomes of the LAN: that it does shows that fping asks, and that time passes for it as for us. */
const SELF = '127.0.0.1'
/** One that ended sooner after its start comes again only then. */
const AGAIN_MS = 1000
/** An fping that says nothing for so long, not even of this machine, hangs; a clock that was set back stops it too. */
const HANGS_MS = 1000

export interface LanWatchOptions {
  readonly lan: GatewayLan
  /** Where keepalived finds `lan-lost`: 1 while this gateway is cut off, else 0. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly tell: (line: string) => void
}

/**
 * Watches the LAN until the signal: what it finds is in the kernel, for BIRD, and in a file, for keepalived. It is the daemon's
 * neighbour and no part of it, so that a daemon that is away costs no failover; where the watch itself is away, all stays as
 * it was, and BGP's hold time is what notices.
 */
export async function watchLan({lan, folder, signal, tell}: LanWatchOptions): Promise<void> {
  const file = path.join(folder, 'lan-lost')
  let isLost = (await lostNetworks()).length > 0
  const judge = createLanJudge(isLost)
  mkdirSync(folder, {recursive: true})
  write(file, isLost)
  // A device that is down tells of none, so they are known from before.
  let networks: readonly string[] = []
  let acting = Promise.resolve()
  const act = (lost: boolean): void => {
    isLost = lost
    tell(lost ? `cut off: nobody on ${lan.device} answers` : `${lan.device} is back`)
    acting = acting
      .then(() => setLost(networks, lost))
      .then(() => write(file, lost))
      .catch((error: Error) => tell(error.message))
  }
  const targets: readonly string[] = [lan.twin, ...lan.watch, SELF]
  while (!signal.aborted) {
    const read = createLineReader()
    const startedMs = performance.now()
    let heardMs = startedMs
    const note = (lines: readonly ProbeLine[]): void => {
      heardMs = performance.now()
      if (!isLost) networks = networksOf(lan.device, networks)
      const neighbours = lines.filter(({target}) => target !== SELF)
      const lost = judge.note(neighbours, heardMs)
      if (lost !== isLost) act(lost)
    }
    // What comes on stderr is of packets that cannot be sent.
    const told = {onOutput: (text: string) => note(read(text)), onErrors: () => note([])}
    const fping = startFping([...FPING, ...targets], {signal, ...told})
    let killed = false
    const hangs = setInterval(() => {
      if (performance.now() - heardMs < HANGS_MS || killed) return
      tell('fping says nothing any longer: it is started again')
      killed = true
      fping.kill()
    }, HANGS_MS / 4)
    const {error} = await fping.ended
    if (error && !signal.aborted) tell(`fping: ${error.message}`)
    clearInterval(hangs)
    const waitMs = performance.now() - startedMs < AGAIN_MS ? AGAIN_MS : 0
    await pause(waitMs, signal)
  }
  await acting
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, ms))
}

const ip = async (...args: string[]): Promise<string> => (await run('ip', ['-4', ...args])).stdout

async function lostNetworks(): Promise<string[]> {
  const text = await ip('route', 'show', 'table', String(LAN_LOST_TABLE)).catch(() => '')
  return text.split('\n').filter(Boolean)
}

async function setLost(networks: readonly string[], lost: boolean): Promise<void> {
  const table = ['table', String(LAN_LOST_TABLE)]
  if (!lost) for (const route of await lostNetworks()) await ip('route', 'delete', ...route.trim().split(' '), ...table)
  else for (const network of networks) await ip('route', 'replace', 'unreachable', network, ...table)
}

/** The connected networks of a device; an address alone, as keepalived moves them, is none. */
function networksOf(device: string, before: readonly string[]): readonly string[] {
  const addresses = networkInterfaces()[device]
  if (!addresses) return before
  const networks = addresses.flatMap(({cidr, family}) => (family === 'IPv4' && cidr ? (parseCidr(cidr) ?? []) : []))
  return [...new Set(networks.filter((network) => !isHostPrefix(network)))]
}

function write(file: string, lost: boolean): void {
  writeFileSync(file, lost ? '1\n' : '0\n')
}
