import {open, readdir, readFile, stat} from 'node:fs/promises'
import {request} from 'node:http'
import {join} from 'node:path'
import {type ApiClient, KINDS} from '../../api/client.ts'
import type {Paths} from '../../model/index.ts'
import {tool} from '../diagnose/look.ts'

/** One file of a bundle, and how it comes about. */
export interface Item {
  readonly name: string
  readonly read: (signal: AbortSignal) => Promise<string>
  /** Of what is too long the end is kept, not the beginning. */
  readonly keep?: 'end'
}

/** What is more of a log is not read: a week of it may be gigabytes. */
const LOG_BYTES = 2 << 20
const MOST_ROWS = 2000
const MOST_VERSIONS = 10

/** As journalctl takes them: of the prober there is a unit for each fping (decision 0198). */
const UNITS = [
  ...['isthmus', 'isthmus-base', 'isthmus-prober@*', 'isthmus-resume', 'isthmus-watch-lan', 'isthmus-watch-routes'],
  ...['bird', 'keepalived', 'conntrackd'],
]

export interface Places {
  readonly file: string
  readonly api: ApiClient
  readonly socket: string
  readonly paths: Paths
  readonly logs: readonly string[]
  readonly version: string
}

export function itemsOf({file, api, socket, paths, logs, version}: Places): Item[] {
  return [
    ...ofGateway(api, socket),
    {name: 'config/gateway.yaml', read: () => readFile(file, 'utf8')},
    {name: 'state.txt', read: () => listing(paths.state)},
    {name: 'bird/bird.conf', read: () => readFile(paths.birdConfig, 'utf8')},
    ...['show status', 'show protocols all', 'show route count', 'show bfd sessions', 'show memory'].map(
      (words): Item => ({
        name: `bird/${words.replaceAll(' ', '-')}.txt`,
        read: (signal) => tool(signal, 'birdc', '-s', paths.birdSocket, ...words.split(' ')),
      }),
    ),
    ...COMMANDS.map(([name, ...argv]): Item => ({name, read: (signal) => tool(signal, argv[0]!, ...argv.slice(1))})),
    {name: 'sysctl.txt', read: sysctls},
    {name: 'versions.txt', read: (signal) => versions(version, signal)},
    ...UNITS.map(
      (unit): Item => ({
        name: `journal/${unit.replace('@*', '')}.txt`,
        keep: 'end',
        read: (signal) =>
          tool(signal, 'journalctl', '-u', unit, '-n', '5000', '--no-pager', '-o', 'short-iso-precise', '-q'),
      }),
    ),
    ...logs.map((log, index): Item => ({name: `log/${index + 1}.txt`, keep: 'end', read: () => endOf(log)})),
  ]
}

const COMMANDS: readonly (readonly [name: string, ...argv: string[]])[] = [
  // `-t`: a set may have a million elements.
  ['nft/ruleset.txt', 'nft', '-t', 'list', 'ruleset'],
  ['ip/link.txt', 'ip', '-d', '-s', 'link', 'show'],
  ['ip/address.txt', 'ip', 'address', 'show'],
  ['ip/route4.txt', 'ip', '-4', 'route', 'show', 'table', 'all'],
  ['ip/route6.txt', 'ip', '-6', 'route', 'show', 'table', 'all'],
  ['ip/rule4.txt', 'ip', '-4', 'rule', 'show'],
  ['ip/rule6.txt', 'ip', '-6', 'rule', 'show'],
  ['ip/neigh.txt', 'ip', '-s', 'neigh', 'show'],
  ['ip/sockets.txt', 'ss', '-tuanp'],
  ['ip/tc.txt', 'tc', '-s', 'qdisc', 'show'],
]

function ofGateway(api: ApiClient, socket: string): Item[] {
  const json = async (asked: Promise<{ok: true; value: unknown} | {ok: false; message: string}>): Promise<string> => {
    const answer = await asked
    if (!answer.ok) throw new Error(answer.message)
    return `${JSON.stringify(answer.value, null, 1)}\n`
  }
  return [
    {name: 'gateway/status.json', read: () => json(api.status())},
    ...KINDS.map(
      (kind): Item => ({name: `gateway/get-${kind}.json`, read: () => json(api.get(kind, null, {limit: MOST_ROWS}))}),
    ),
    {name: 'gateway/metrics.txt', read: (signal) => metrics(socket, signal)},
    {
      name: 'config/in-force.yaml',
      read: async () => {
        const answer = await api.config(null)
        if (!answer.ok) throw new Error(answer.message)
        return answer.value.text
      },
    },
    {name: 'config/history.json', read: () => json(api.configHistory())},
    {name: 'config/versions.txt', read: () => versionsOf(api)},
  ]
}

/** The last of them, one after the other. */
async function versionsOf(api: ApiClient): Promise<string> {
  const history = await api.configHistory()
  if (!history.ok) throw new Error(history.message)
  const texts: string[] = []
  for (const {version, at, how} of history.value.versions.slice(-MOST_VERSIONS)) {
    const answer = await api.config(version)
    texts.push(`# version ${version}, ${at}, ${how}\n${answer.ok ? answer.value.text : answer.message}\n`)
  }
  return texts.join('\n')
}

function metrics(socketPath: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    request({socketPath, path: '/metrics', signal}, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      answer.on('error', reject).on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })
}

/** Names, sizes and modes; no content: keys lie there. */
async function listing(folder: string): Promise<string> {
  const names = (await readdir(folder, {recursive: true})).sort()
  const rows = names.slice(0, 10_000).map(async (name) => {
    const {mode, size, mtime} = await stat(join(folder, name))
    return `${(mode & 0o7777).toString(8).padStart(4, '0')} ${String(size).padStart(12)} ${mtime.toISOString()} ${name}`
  })
  return `${(await Promise.all(rows)).join('\n')}\n`
}

const SYSCTLS = ['net/core', 'net/ipv4', 'net/ipv6', 'net/netfilter', 'net/mptcp']

async function sysctls(): Promise<string> {
  const lines: string[] = []
  for (const folder of SYSCTLS) {
    const files = await readdir(`/proc/sys/${folder}`, {recursive: true, withFileTypes: true}).catch(() => [])
    for (const file of files.filter((one) => one.isFile())) {
      const path = join(file.parentPath, file.name)
      const value = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => `(${error.code})`)
      lines.push(`${path.slice('/proc/sys/'.length)} = ${value.trim().replaceAll(/\s+/g, ' ')}`)
    }
  }
  return `${lines.sort().join('\n')}\n`
}

async function versions(own: string, signal: AbortSignal): Promise<string> {
  const asked: readonly (readonly string[])[] = [
    ['uname', '-a'],
    ['cat', '/etc/os-release'],
    ['cat', '/proc/cmdline'],
    ['uptime'],
    ['ip', '-V'],
    ['nft', '--version'],
    ['bird', '--version'],
    ['fping', '-v'],
    ['conntrackd', '-v'],
    ['keepalived', '-v'],
    ['free', '-m'],
    ['df', '-h'],
    ['lsmod'],
  ]
  const said = asked.map(async ([program, ...args]) => {
    const words = await tool(signal, program!, ...args).catch((error: Error) => `(${error.message})\n`)
    return `$ ${[program, ...args].join(' ')}\n${words}`
  })
  return `isthmus ${own}, node ${process.version}\n\n${(await Promise.all(said)).join('\n')}`
}

/** From a line's beginning: half a line could be half a secret, which nobody would know. */
async function endOf(file: string): Promise<string> {
  const handle = await open(file)
  try {
    const {size} = await handle.stat()
    const from = Math.max(0, size - LOG_BYTES)
    const buffer = Buffer.alloc(Math.min(size, LOG_BYTES))
    const {bytesRead} = await handle.read(buffer, 0, buffer.length, from)
    const text = buffer.subarray(0, bytesRead).toString('utf8')
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1)
  } finally {
    await handle.close()
  }
}
