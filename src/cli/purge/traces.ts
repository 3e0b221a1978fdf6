import {readFile, stat, writeFile} from 'node:fs/promises'
import {totalmem} from 'node:os'
import {linksIn} from '../../diagnose/index.ts'
import {
  BIRD_FILE_BEFORE,
  BIRD_HASH_CONSTANT,
  FAST_PATH_PRIORITY,
  fouPortText,
  type GatewayConfig,
  LAN_LOST_TABLE,
  QUEUE_HANDLE,
  RULE_PROTOCOL,
} from '../../model/index.ts'
import {familyOf} from '../../net/index.ts'
import {planSysctls} from '../../plan/index.ts'
import {readFouPorts, readSysctlsBefore, replaceConfigFile} from '../../store/index.ts'
import {runProgram} from '../run-program.ts'

/** One thing of Isthmus on this machine, and how it goes. `remove` null: it stays, and `reason` says why. */
export interface Trace {
  readonly what: string
  readonly action: 'remove' | 'restore' | 'keep'
  readonly reason: string
  readonly remove: (() => Promise<unknown>) | null
}

/** What a tool says; nothing where it, or what it asks for, is not there: then there is nothing to remove either. */
async function tool(command: string, ...args: readonly string[]): Promise<string> {
  const {ok, out} = await runProgram(command, args)
  return ok ? out : ''
}

const doing =
  (command: string, ...args: readonly string[]) =>
  async (): Promise<void> => {
    const {ok, why} = await runProgram(command, args)
    if (!ok) throw new Error(`${[command, ...args].join(' ')}: ${why}`)
  }

const removing = (what: string, reason: string, remove: () => Promise<unknown>): Trace => ({
  ...{what, action: 'remove', reason, remove},
})

/**
 * All that Isthmus has in this machine's kernel, in the order in which it goes: routes and devices first, the ruleset after
 * them, so that until then nothing falls through.
 */
export async function kernelTraces(config: GatewayConfig): Promise<Trace[]> {
  return [
    ...(await routes(config)),
    ...(await devices()),
    ...(await queues()),
    ...(await programs()),
    ...(await rules()),
    ...(await fouPorts(config)),
    ...(await ruleset()),
    ...(await sysctls(config)),
  ]
}

/** BIRD leaves its routes in the kernel when it ends (`persist`), so they go by the name of who made them. */
async function routes({paths}: GatewayConfig): Promise<Trace[]> {
  const text = await readFile(paths.birdConfig, 'utf8').catch(() => '')
  const traces: Trace[] = []
  const isOurs = text.includes(`define ${BIRD_HASH_CONSTANT} = `)
  if (isOurs) {
    const reason = 'what BIRD does for Isthmus; a configuration that does nothing stays'
    const idle = async (): Promise<void> => {
      await replaceConfigFile(paths.birdConfig, idleBird(text))
      await tool('birdc', '-s', paths.birdSocket, 'configure')
    }
    traces.push(removing(paths.birdConfig, reason, idle))
  }
  const earlier = `${paths.birdConfig}${BIRD_FILE_BEFORE}`
  if (await isThere(earlier))
    traces.push({what: earlier, action: 'keep', reason: 'what BIRD had before Isthmus came', remove: null})
  for (const family of isOurs || text.startsWith(IDLE) ? ['-4', '-6'] : []) {
    const held = linesOf(await tool('ip', family, 'route', 'show', 'table', 'all', 'proto', 'bird'))
    const remove = doing('ip', family, 'route', 'flush', 'table', 'all', 'proto', 'bird')
    if (held > 0) traces.push(removing(`IPv${family.slice(1)} routes`, `${held} that BIRD made for Isthmus`, remove))
  }
  const table = String(LAN_LOST_TABLE)
  if (linesOf(await tool('ip', 'route', 'show', 'table', table)) > 0) {
    const remove = doing('ip', 'route', 'flush', 'table', table)
    traces.push(removing(`routing table ${table}`, 'of isthmus watch-lan', remove))
  }
  return traces
}

const linesOf = (text: string): number => text.split('\n').filter((line) => line.trim() !== '').length

const IDLE = '# Isthmus was removed from this machine (isthmus purge): BIRD does nothing.\n'
const idleBird = (text: string): string =>
  `${IDLE}${/^router id .*;$/m.exec(text)?.[0] ?? 'router id 192.0.2.1;'}\nprotocol device {}\n`

async function devices(): Promise<Trace[]> {
  return linksIn(await tool('ip', '-d', '-j', 'link', 'show')).map(({name}) =>
    removing(`device ${name}`, 'ours by its name and alias', doing('ip', 'link', 'delete', name)),
  )
}

async function queues(): Promise<Trace[]> {
  const text = await tool('tc', '-j', 'qdisc', 'show')
  const all: unknown = text === '' ? [] : JSON.parse(text)
  return (Array.isArray(all) ? (all as unknown[]) : []).flatMap((one): Trace[] => {
    if (typeof one !== 'object' || one === null || !('kind' in one && 'handle' in one && 'dev' in one)) return []
    if (one.kind !== 'htb' || one.handle !== `${QUEUE_HANDLE.toString(16)}:` || !('root' in one)) return []
    const device = String(one.dev)
    return [removing(`queue of ${device}`, 'ours by its handle', doing('tc', 'qdisc', 'delete', 'dev', device, 'root'))]
  })
}

/** Of the fast path; the queue that they stand in goes with the last one. */
async function programs(): Promise<Trace[]> {
  const text = await tool('tc', 'qdisc', 'show')
  const devices = [...text.matchAll(/^qdisc clsact .* dev (\S+) /gm)].map(([, device]) => device!)
  const sides = ['ingress', 'egress']
  const shown = (device: string): Promise<string[]> =>
    Promise.all(sides.map((side) => tool('tc', 'filter', 'show', 'dev', device, side)))
  const ours = `pref ${FAST_PATH_PRIORITY} bpf `
  const found = await Promise.all(
    devices.map(async (device) => ({device, isOurs: (await shown(device)).join().includes(ours)})),
  )
  return found
    .filter(({isOurs}) => isOurs)
    .map(({device}) =>
      removing(`programs on ${device}`, 'ours by their priority', async () => {
        for (const side of sides)
          await tool('tc', 'filter', 'delete', 'dev', device, side, 'pref', String(FAST_PATH_PRIORITY))
        if ((await shown(device)).join('') === '') await doing('tc', 'qdisc', 'delete', 'dev', device, 'clsact')()
      }),
    )
}

/** One by one: the kernel deletes the first that fits, so all of it is named. */
async function rules(): Promise<Trace[]> {
  const all = await Promise.all(['-4', '-6'].map((family) => tool('ip', family, 'rule', 'show')))
  return all.flatMap((text, index) =>
    text.split('\n').flatMap((line): Trace[] => {
      const [, source, table] = new RegExp(`from (\\S+) lookup (\\d+) proto ${RULE_PROTOCOL}\\b`).exec(line) ?? []
      if (source === undefined || table === undefined) return []
      const words = ['from', source, 'lookup', table, 'priority', table, 'protocol', String(RULE_PROTOCOL)]
      const remove = doing('ip', ['-4', '-6'][index]!, 'rule', 'delete', ...words)
      return [removing(`rule from ${source} lookup ${table}`, `ours by its protocol, ${RULE_PROTOCOL}`, remove)]
    }),
  )
}

async function fouPorts({paths}: GatewayConfig): Promise<Trace[]> {
  if ((await tool('ip', '-j', 'fou', 'show')).trim() === '') return []
  return (await readFouPorts(paths.state, await bootId())).map((port) => {
    const family = familyOf(port.local) === 6 ? ['-6'] : []
    const remove = doing('ip', ...family, 'fou', 'delete', 'port', String(port.port), 'local', port.local)
    return removing(`UDP port ${fouPortText(port)}`, 'for tunnels, made by this gateway', remove)
  })
}

async function ruleset(): Promise<Trace[]> {
  if (!(await tool('nft', 'list', 'tables')).split('\n').includes('table inet isthmus')) return []
  const remove = doing('nft', 'delete', 'table', 'inet', 'isthmus')
  return [removing('nft table inet isthmus', 'policy, anti-spoofing, counters', remove)]
}

async function sysctls({paths}: GatewayConfig): Promise<Trace[]> {
  const before = await readSysctlsBefore(paths.state, await bootId())
  const traces: Trace[] = []
  for (const {path, value, isLeast} of planSysctls([], totalmem())) {
    const file = `/proc/sys/${path.join('/')}`
    const now = (await readFile(file, 'utf8').catch(() => '')).trim()
    const known = before.get(path.join('/'))
    const what = `setting ${path.join('/')}`
    if (known !== undefined && known !== now) {
      const remove = (): Promise<void> => writeFile(file, known)
      traces.push({...{what, action: 'restore', reason: `${now} → ${known}, as before`}, remove})
    } else if (known === undefined && now === value && !isLeast) {
      const reason = `${now}: as Isthmus wants it, and not changed by it since the boot`
      traces.push({...{what, action: 'keep', reason}, remove: null})
    }
  }
  return traces
}

const bootId = async (): Promise<string> => (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()

export const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
